#include "rendezvous/verify/dial_ground.h"

#include <algorithm>

namespace fairlead::rendezvous {
namespace {

// Any address of the loopback net can be bound, though interfaces list but one.
bool can_be_bound(const IpAddress& address, const std::vector<IpAddress>& host) {
  return scope_of(address) == IpScope::loopback || std::find(host.begin(), host.end(), address) != host.end();
}

}  // namespace

Ground make_ground(const GroundWishes& wishes, const std::vector<IpAddress>& host) {
  Ground ground;
  ground.policy = {.own = host, .any_scope = wishes.any_scope};
  ground.policy.own.insert(ground.policy.own.end(), wishes.public_addresses.begin(), wishes.public_addresses.end());
  if (wishes.verify_from.empty()) {
    ground.sources = global_addresses(host);
  } else {
    std::copy_if(wishes.verify_from.begin(), wishes.verify_from.end(), std::back_inserter(ground.sources),
                 [&](const IpAddress& each) { return can_be_bound(each, host); });
  }
  return ground;
}

}  // namespace fairlead::rendezvous
