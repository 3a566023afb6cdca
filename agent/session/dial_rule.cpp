#include "agent/session/dial_rule.h"

#include <algorithm>

#include "common/base/ip_scope.h"

namespace fairlead::agent {
namespace {

constexpr std::size_t kLongestText = 5;       // printable bytes in a row
constexpr std::size_t kLongestLineBegin = 1;  // printable bytes after a line's end

bool is_printable(std::uint8_t byte) {
  return byte >= 0x20 && byte < 0x7f;
}

bool in_any(const std::vector<Cidr>& networks, const IpAddress& ip) {
  return std::ranges::any_of(networks, [&](const Cidr& each) { return each.contains(ip); });
}

}  // namespace

bool DialRule::allows(const SocketAddress& told) const {
  if (told.port == 0) return false;
  if (told.ip == server || std::ranges::find(named, told.ip) != named.end() || in_any(networks, told.ip)) return true;
  return scope_of(told.ip) == IpScope::global && !in_any(own_networks, told.ip);
}

bool is_harmless(const wire::SessionId& id) {
  std::size_t run = 0;
  bool line = false;
  for (const std::uint8_t byte : id) {
    if (is_printable(byte)) {
      if (++run > (line ? kLongestLineBegin : kLongestText)) return false;
      continue;
    }
    run = 0;
    line = byte == '\n' || byte == '\r';
  }
  return true;
}

}  // namespace fairlead::agent
