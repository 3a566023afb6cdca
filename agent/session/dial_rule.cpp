#include "agent/session/dial_rule.h"

#include <algorithm>

#include "common/base/ip_scope.h"

namespace fairlead::agent {
namespace {

bool in_any(const std::vector<Cidr>& networks, const IpAddress& ip) {
  return std::ranges::any_of(networks, [&](const Cidr& each) { return each.contains(ip); });
}

}  // namespace

bool DialRule::allows(const SocketAddress& told) const {
  if (told.port == 0) return false;
  if (told.ip == server || std::ranges::find(named, told.ip) != named.end() || in_any(networks, told.ip)) return true;
  return scope_of(told.ip) == IpScope::global && !in_any(own_networks, told.ip);
}

}  // namespace fairlead::agent
