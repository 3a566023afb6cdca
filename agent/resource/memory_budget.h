#pragma once
// [limits] memory: how much the agent may hold for its connections, in its own memory and in the kernel's, and who gets
// what of it. On a small device the kernel's part is the danger: left alone, it grows each socket's buffers to
// megabytes. Everything is set aside before it is used: a connection for which nothing is left is refused, never let in
// and starved. The numbers and their reasons are in README.md, "Memory". Pure; one thread; owned by a RelayRoom.
//
//   ceiling = sessions and checks | ready channels | unclassified callers | guaranteed relays | larger buffers while
//   few
#include <cstddef>
#include <optional>

#include "agent/setting/config.h"
#include "common/net/relay.h"
#include "common/net/socket_buffers.h"

namespace fairlead::agent {

// The buffers of a relay's sockets, each direction: the least, then doubled, up to the window that TCP can use without
// the scale agreed on at the connect (socket_buffers.h).
inline constexpr std::size_t kLeastBuffers = 4 * 1024;
inline constexpr std::size_t kMostBuffers = 64 * 1024;
inline constexpr std::size_t kUsualRelays = 200;       // larger buffers are worth less than so many relays at a time
inline constexpr std::size_t kShortHello = 16 * 1024;  // of a direct caller: room for several post-quantum key shares

// What one relay may hold.
struct RelayShare {
  net::SocketBuffers buffers;           // of both sockets
  std::size_t turn = net::kTurnBudget;  // bytes per turn, so also what its pipe can hold
  std::size_t memory = 0;               // taken out of the budget
  net::Sending sending = net::Sending::eager;
  std::size_t places = 1;  // of relays, which are not free meanwhile

  net::RelayLimits within(net::RelayLimits limits) const {
    limits.turn_budget = turn;
    limits.sending = sending;
    return limits;
  }
};

// Of 1 MiB each, while there is no ceiling. Fewer than a process may have: the agent shares its host with the service.
inline constexpr std::size_t kLargePipes = net::kMaxLargePipes / 2;

class MemoryBudget {
 public:
  MemoryBudget() = default;  // no ceiling: everything is as the kernel likes
  // At least config.h's kLeastMemory. `relays_wish`: 0, or how many relays there may be: fewer get larger buffers.
  MemoryBudget(std::size_t ceiling, std::size_t relays_wish);

  bool limited() const { return ceiling_ != 0; }
  std::size_t max() const { return ceiling_; }
  std::size_t used() const { return limited() ? ceiling_ - relay_memory_ + taken_ : 0; }
  // So many at a time are let in, whatever the others got.
  std::size_t relays() const { return relays_; }

  // Nullopt: nothing is left. To be given back when the relay has ended.
  std::optional<RelayShare> take_relay();
  // The same for one whose TLS ends here: as a proof, and one place at least.
  std::optional<RelayShare> take_terminated(Protocol protocol);
  void give_back(const RelayShare& share);
  // For a proof connection: of what is left for larger buffers, then in the places of relays. Nullopt: it does not fit.
  std::optional<RelayShare> take_proof();

  // Of sockets that do not relay yet, and of those that wait for their first bytes.
  net::SocketBuffers first_buffers() const { return base_.buffers; }
  net::SocketBuffers session_buffers() const;
  // These cut what is configured to what there is room for.
  std::size_t pool_max(std::size_t configured) const;
  std::size_t callers_max(std::size_t otherwise) const;  // unclassified; as many more may be being sent away
  std::size_t checks_max(std::size_t otherwise) const;   // verifications by a rendezvous at a time
  std::size_t large_pipes() const { return limited() ? 0 : kLargePipes; }
  std::size_t hello_max(std::size_t otherwise) const;

 private:
  std::size_t unpromised() const;  // for larger buffers
  std::optional<RelayShare> take_beyond(RelayShare share, std::size_t least_places);

  std::size_t ceiling_ = 0;       // 0: none
  std::size_t relay_memory_ = 0;  // of the ceiling: all relays together
  std::size_t taken_ = 0;         // of relay_memory_
  std::size_t relays_ = 0;
  std::size_t live_ = 0;
  RelayShare base_;
};

}  // namespace fairlead::agent
