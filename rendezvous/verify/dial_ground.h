#pragma once
// What a dial-back may go to and come from, as this host's network is now: own addresses come and go (a second uplink,
// a renewed lease), and both the guard against dialling ourselves and the choice of a source follow them. Made anew by
// the server when the network changed; read by verifiers of any thread.
#include <memory>
#include <mutex>

#include "rendezvous/verify/dial_policy.h"

namespace fairlead::rendezvous {

struct Ground {
  DialPolicy policy;
  std::vector<IpAddress> sources;  // addresses that a dial-back may come from
};

struct GroundWishes {
  std::vector<IpAddress> public_addresses;  // of the server, whether this host has them or a balancer in front
  std::vector<IpAddress> verify_from;       // empty: any address of this host that the world can reach
  bool any_scope = false;
};

// `host`: the addresses that this host has now. Of verify_from only what it has is used; none: the kernel chooses.
Ground make_ground(const GroundWishes& wishes, const std::vector<IpAddress>& host);

class DialGround {
 public:
  std::shared_ptr<const Ground> now() const {
    const std::lock_guard lock(mutex_);
    return ground_;
  }
  void replace(Ground ground) {
    auto fresh = std::make_shared<const Ground>(std::move(ground));
    const std::lock_guard lock(mutex_);
    ground_ = std::move(fresh);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Ground> ground_ = std::make_shared<const Ground>();
};

}  // namespace fairlead::rendezvous
