#pragma once
// The agent's connections to targets, by both their ends. A caller of the direct listener between the same two ends is
// the other side of such a connection: a service's target is the listener itself. (What leads back by a rendezvous or
// by a NAT is noticed there.) Pure; one loop; owned by AgentTools.
#include <set>

#include "common/base/ip.h"

namespace fairlead::agent {

class LoopGuard {
 public:
  struct Ends {
    SocketAddress from;  // who dialled
    SocketAddress to;
    auto operator<=>(const Ends&) const = default;
  };
  // A target connection's entry, gone when it is destroyed or emptied. Its guard outlives it while it holds one.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept;
    Place& operator=(Place&& other) noexcept;
    ~Place();

   private:
    friend class LoopGuard;
    LoopGuard* guard_ = nullptr;  // null: it holds none
    Ends ends_;
  };

  Place enter(const Ends& ends);
  bool is_ours(const Ends& ends) const { return live_.contains(ends); }
  std::size_t size() const { return live_.size(); }

 private:
  std::multiset<Ends> live_;
};

}  // namespace fairlead::agent
