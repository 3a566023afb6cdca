#include "rendezvous/verify/dial_policy.h"

#include <algorithm>

namespace fairlead::rendezvous {

bool may_dial(const SocketAddress& address, const DialPolicy& policy) {
  if (address.port < kLowestVerifyPort) return false;
  switch (scope_of(address.ip)) {
    case IpScope::global:
      break;
    case IpScope::private_use:
    case IpScope::shared:
    case IpScope::reserved:
      if (!policy.any_scope) return false;
      break;
    case IpScope::loopback:
      return policy.any_scope;  // "own" says nothing there
    case IpScope::link_local:
    case IpScope::multicast:
    case IpScope::unspecified:
      return false;
  }
  return std::find(policy.own.begin(), policy.own.end(), address.ip) == policy.own.end();
}

std::optional<IpAddress> dial_source(const SocketAddress& target, const IpAddress& session_local,
                                     const std::vector<IpAddress>& sources) {
  const auto fits = [&](const IpAddress& source) {
    return source != session_local && source.is_v4() == target.ip.is_v4();
  };
  const auto found = std::find_if(sources.begin(), sources.end(), fits);
  if (found == sources.end()) return std::nullopt;
  return *found;
}

std::vector<IpAddress> global_addresses(std::vector<IpAddress> addresses) {
  std::erase_if(addresses, [](const IpAddress& each) { return scope_of(each) != IpScope::global; });
  return addresses;
}

}  // namespace fairlead::rendezvous
