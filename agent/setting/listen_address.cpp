#include "agent/setting/listen_address.h"

#include <fmt/format.h>

#include <charconv>

#include "common/base/ip_scope.h"
#include "common/config/fields.h"

namespace fairlead::agent {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kLocalhost = "localhost:";

IpAddress loopback() {
  return IpAddress::v4({127, 0, 0, 1});
}

std::optional<std::uint16_t> read_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(port) : std::nullopt;
}

}  // namespace

Result<ListenAddress> read_listen_address(std::string_view text) {
  if (text.empty()) return SocketAddress{loopback(), 0};
  if (text.starts_with(kUnix)) {
    const std::string_view path = text.substr(kUnix.size());
    if (!path.empty() && path.size() <= config::kMaxUnixPath) return UnixPath{std::string(path)};
  } else if (const auto port = read_port(text)) {
    return SocketAddress{loopback(), *port};
  } else if (text.starts_with(kLocalhost)) {
    if (const auto at = read_port(text.substr(kLocalhost.size()))) return SocketAddress{loopback(), *at};
  } else if (const auto address = SocketAddress::parse(text)) {
    return *address;
  }
  return fail(Reason::config_invalid,
              fmt::format("{}: cannot be listened on; allowed: PORT, ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH of at "
                          "most {} bytes",
                          text, config::kMaxUnixPath));
}

bool is_for_others(const ListenAddress& address) {
  const auto* tcp = std::get_if<SocketAddress>(&address);
  return tcp != nullptr && scope_of(tcp->ip) != IpScope::loopback;
}

std::string to_string(const ListenAddress& address) {
  if (const auto* path = std::get_if<UnixPath>(&address)) return std::string(kUnix) + path->path;
  return std::get<SocketAddress>(address).to_string();
}

}  // namespace fairlead::agent
