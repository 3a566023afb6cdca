#include "common/wire/http_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "common/base/pattern.h"

namespace fairlead::wire {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kVersion = "HTTP/1.1";
constexpr Malformed kBroken{Reason::http_malformed};

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// RFC 9110 §5.6.2
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_letter_or_digit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// The start line and the headers that decide about a body.
struct Head {
  std::string_view start;
  std::optional<std::size_t> content_length;
  std::size_t size = 0;  // with the blank line
};

std::optional<std::size_t> parse_length(std::string_view text) {
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return length;
}

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// RFC 9112 §5. A folded line or a space before the colon has no token before its colon, so both are refused.
bool read_field(std::string_view line, Head& head) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return false;
  const std::string_view value = trim(line.substr(colon + 1));
  const auto printable = [](char c) { return c == '\t' || static_cast<unsigned char>(c) >= 0x20; };
  if (!std::ranges::all_of(value, printable) || value.find('\x7f') != std::string_view::npos) return false;
  const std::string name = normalize_name(line.substr(0, colon));
  if (name == "transfer-encoding") return false;  // chunks are not spoken here (RFC 9112 §6.1)
  if (name != "content-length") return true;
  if (head.content_length) return false;  // two lengths are how messages are smuggled (RFC 9112 §6.3)
  head.content_length = parse_length(value);
  return head.content_length.has_value();
}

Parsed<Head> parse_head(ByteView in) {
  const std::string_view text = as_text(in.first(std::min(in.size(), kMaxHttpHead)));
  const auto end = text.find(kHeadEnd);
  if (end == std::string_view::npos) {
    if (text.size() == kMaxHttpHead) return kBroken;
    return NeedMore{1};
  }
  Head head;
  head.size = end + kHeadEnd.size();
  std::string_view lines = text.substr(0, end + kLineEnd.size());
  for (bool first = true; !lines.empty(); first = false) {
    const auto stop = lines.find(kLineEnd);
    const std::string_view line = lines.substr(0, stop);
    if (line.find_first_of(kLineEnd) != std::string_view::npos) return kBroken;  // a lone CR or LF
    if (first) head.start = line;
    if (!first && !read_field(line, head)) return kBroken;
    lines.remove_prefix(stop + kLineEnd.size());
  }
  const std::size_t consumed = head.size;
  return Done<Head>{head, consumed};
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() != '%') {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    if (text.size() < 3) return std::nullopt;
    const auto high = hex_digit(text[1]);
    const auto low = hex_digit(text[2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high << 4 | *low);
    text.remove_prefix(3);
  }
  return out;
}

bool read_query(std::string_view query, HttpRequest& request) {
  while (!query.empty()) {
    const auto stop = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, stop);
    query.remove_prefix(std::min(stop + 1, query.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals));
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return false;
    request.query.emplace_back(std::move(*name), std::move(*value));
  }
  return true;
}

// RFC 9112 §3: method SP target SP version, one space each; the target in origin form only.
bool read_request_line(std::string_view line, HttpRequest& request) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last || line.substr(last + 1) != kVersion) return false;
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const auto allowed = [](char c) { return c > 0x20 && c < 0x7f && c != '#'; };
  if (!is_token(line.substr(0, first)) || !target.starts_with('/') || !std::ranges::all_of(target, allowed)) {
    return false;
  }
  const auto question = std::min(target.find('?'), target.size());
  request.method = line.substr(0, first);
  request.path = target.substr(0, question);
  return read_query(target.substr(std::min(question + 1, target.size())), request);
}

// RFC 9112 §4: version SP three digits SP reason; the reason may be empty.
std::optional<int> parse_status_line(std::string_view line) {
  constexpr std::size_t kDigitsAt = kVersion.size() + 1;
  constexpr std::size_t kDigitsEnd = kDigitsAt + 3;
  if (!line.starts_with(kVersion) || line.size() <= kDigitsEnd) return std::nullopt;
  if (line[kVersion.size()] != ' ' || line[kDigitsEnd] != ' ') return std::nullopt;
  const auto status = parse_length(line.substr(kDigitsAt, 3));
  if (!status || *status < 200 || *status > 599) return std::nullopt;  // nothing here asks for an interim answer
  return static_cast<int>(*status);
}

std::string_view status_text(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "";  // the text is for people; RFC 9112 §4 lets it be empty
  }
}

}  // namespace

Parsed<HttpRequest> parse_http_request(ByteView in) {
  const Parsed<Head> parsed = parse_head(in);
  if (const auto* more = std::get_if<NeedMore>(&parsed)) return *more;
  if (const auto* bad = std::get_if<Malformed>(&parsed)) return *bad;
  const Head& head = std::get<Done<Head>>(parsed).value;
  HttpRequest request;
  if (head.content_length.value_or(0) != 0 || !read_request_line(head.start, request)) return kBroken;
  return Done<HttpRequest>{std::move(request), head.size};
}

void write_http_request(std::string_view method, std::string_view path_and_query, ByteWriter& out) {
  out.text(fmt::format("{} {} {}\r\nHost: localhost\r\nConnection: close\r\n\r\n", method, path_and_query, kVersion));
}

Parsed<HttpResponse> parse_http_response(ByteView in) {
  const Parsed<Head> parsed = parse_head(in);
  if (const auto* more = std::get_if<NeedMore>(&parsed)) return *more;
  if (const auto* bad = std::get_if<Malformed>(&parsed)) return *bad;
  const Head& head = std::get<Done<Head>>(parsed).value;
  const auto status = parse_status_line(head.start);
  if (!status || !head.content_length || *head.content_length > kMaxHttpBody) return kBroken;
  const std::size_t total = head.size + *head.content_length;
  if (in.size() < total) return NeedMore{total - in.size()};
  return Done<HttpResponse>{{*status, std::string(as_text(in.subspan(head.size, *head.content_length)))}, total};
}

void write_http_response(int status, std::string_view content_type, std::string_view body, ByteWriter& out) {
  out.text(fmt::format("{} {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", kVersion,
                       status, status_text(status), content_type, body.size()));
  out.text(body);
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool unreserved = is_letter_or_digit(c) || std::string_view("-._~").find(c) != std::string_view::npos;
    out += unreserved ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace fairlead::wire
