#pragma once
// Knows the ClientHellos of the mesh connections that are served now. One that comes again under another connection id
// has gone in a circle: a service's target is our own direct listener, its mapping at a NAT, or a rendezvous. Pure; one
// loop; owned by AgentTools. A rendezvous that tries another channel keeps the connection id: that is no circle.
#include <array>
#include <map>

#include "common/base/bytes.h"
#include "common/wire/ids.h"

namespace fairlead::agent {

class LoopGuard {
 public:
  using ClientRandom = std::array<std::uint8_t, 32>;

  // A connection's place, left when it is destroyed. Outlived by its guard unless it was left before.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept { *this = std::move(other); }
    Place& operator=(Place&& other) noexcept;
    ~Place();
    bool came_back() const { return came_back_; }

   private:
    friend class LoopGuard;
    LoopGuard* guard_ = nullptr;  // null: it holds no place
    ClientRandom random_{};
    wire::ConnectionId connection_{};
    bool came_back_ = false;
  };

  // `hello`: begins with the record of a ClientHello.
  Place enter(ByteView hello, const wire::ConnectionId& connection);
  std::size_t size() const { return live_.size(); }

 private:
  std::multimap<ClientRandom, wire::ConnectionId> live_;
};

}  // namespace fairlead::agent
