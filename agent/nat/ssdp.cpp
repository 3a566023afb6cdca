#include "agent/nat/ssdp.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace fairlead::agent::nat {
namespace {

constexpr std::string_view kHttp1 = "HTTP/1.";  // some devices speak 1.0
constexpr std::string_view kAccepted = " 200";
constexpr std::string_view kNotify = "NOTIFY * ";
constexpr std::string_view kScheme = "http://";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_text(std::string_view line) {
  return std::ranges::all_of(line, [](char c) { return c == '\t' || (c >= ' ' && c <= '~'); });
}

// Takes one line, without its CRLF (some devices send a bare LF). False: none is left.
bool take_line(std::string_view& rest, std::string_view& line) {
  const auto end = rest.find('\n');
  if (end == std::string_view::npos) return false;
  line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return true;
}

struct Headers {
  std::string_view location, search_target, notify_target, notify_kind, usn;
};

std::string_view* field_of(Headers& headers, std::string_view name) {
  if (same_word(name, "location")) return &headers.location;
  if (same_word(name, "st")) return &headers.search_target;
  if (same_word(name, "nt")) return &headers.notify_target;
  if (same_word(name, "nts")) return &headers.notify_kind;
  if (same_word(name, "usn")) return &headers.usn;
  return nullptr;
}

// Strict in the headers that are used; the others may hold whatever a device's maker put there.
bool read_headers(std::string_view rest, Headers& out) {
  std::string_view line;
  for (std::size_t count = 0; count < kMaxSsdpLines; ++count) {
    if (!take_line(rest, line)) return rest.empty() && count > 0;  // devices forget the empty line at the end
    if (line.empty()) return true;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view* const field = field_of(out, trimmed(line.substr(0, colon)));
    if (field == nullptr) continue;
    if (line.size() > kMaxSsdpLine || !is_text(line)) return false;
    *field = trimmed(line.substr(colon + 1));
  }
  return false;
}

bool is_answer(std::string_view start) {
  return start.starts_with(kHttp1) && start.substr(std::min(start.size(), kHttp1.size() + 1)).starts_with(kAccepted);
}

bool is_notify(std::string_view start) {
  return start.starts_with(kNotify) && start.substr(kNotify.size()).starts_with(kHttp1);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

IpAddress ssdp_group(const IpAddress& local) {
  if (local.is_v4()) return IpAddress::v4({239, 255, 255, 250});
  return IpAddress::v6({0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0c});
}

std::string ssdp_search(std::string_view target, const IpAddress& host) {
  return fmt::format("M-SEARCH * HTTP/1.1\r\nHOST: {}\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: {}\r\n\r\n",
                     SocketAddress{host, kSsdpPort}.to_string(), target);
}

std::optional<SsdpMessage> parse_ssdp(ByteView datagram) {
  std::string_view rest = as_text(datagram);
  std::string_view start;
  Headers headers;
  if (!take_line(rest, start) || !read_headers(rest, headers)) return std::nullopt;
  SsdpMessage out{.location = std::string(headers.location), .usn = std::string(headers.usn)};
  if (is_answer(start)) {
    out.target = headers.search_target;
    if (out.location.empty()) return std::nullopt;
    return out;
  }
  if (!is_notify(start)) return std::nullopt;
  out.target = headers.notify_target;
  if (headers.notify_kind == "ssdp:byebye") {
    out.kind = SsdpMessage::Kind::leaving;
    return out;
  }
  const bool alive = headers.notify_kind == "ssdp:alive" || headers.notify_kind == "ssdp:update";
  if (!alive || out.location.empty()) return std::nullopt;
  out.kind = SsdpMessage::Kind::alive;
  return out;
}

bool names_gateway(std::string_view target) {
  constexpr std::string_view kWords[] = {"InternetGatewayDevice", "WANIPConnection", "WANPPPConnection",
                                         "WANConnectionDevice",   "WANDevice",       "WANIPv6FirewallControl",
                                         "upnp:rootdevice"};
  return std::ranges::any_of(kWords,
                             [&](std::string_view word) { return target.find(word) != std::string_view::npos; });
}

std::string HttpUrl::to_string() const {
  return fmt::format("{}{}{}", kScheme, SocketAddress{host, port}.to_string(), path);
}

std::optional<HttpUrl> parse_http_url(std::string_view text) {
  if (text.size() > kMaxUrl || !same_word(text.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  const bool clean = std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
  if (!clean) return std::nullopt;
  text.remove_prefix(kScheme.size());
  const auto slash = text.find('/');
  std::string_view authority = text.substr(0, slash);
  HttpUrl out{.path = slash == std::string_view::npos ? "/" : std::string(text.substr(slash))};
  if (authority.find_first_of("@?#\\") != std::string_view::npos) return std::nullopt;

  std::string_view host = authority;
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    host = host.substr(0, host.find('%'));  // RFC 6874: we know the interface ourselves
    if (host.find(':') == std::string_view::npos) return std::nullopt;
  } else if (const auto colon = authority.find(':'); colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  const auto ip = IpAddress::parse(host);
  if (!ip) return std::nullopt;
  out.host = *ip;
  if (port.empty()) return out;
  if (port.front() != ':') return std::nullopt;
  const auto number = parse_port(port.substr(1));
  if (!number) return std::nullopt;
  out.port = *number;
  return out;
}

}  // namespace fairlead::agent::nat
