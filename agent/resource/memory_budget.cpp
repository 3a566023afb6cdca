#include "agent/resource/memory_budget.h"

#include <algorithm>

#include "common/base/check.h"

namespace fairlead::agent {
namespace {

constexpr std::size_t kKiB = 1024;
// A socket: the kernel's objects for it (tcp_sock, file, inode, epoll entry; measured: 3.9 KiB).
constexpr std::size_t kSocket = 4 * kKiB;
// A relay's objects: two sockets, of which the channel's was set aside for the pool, and ours (measured: 3 KiB).
constexpr std::size_t kRelayObjects = 8 * kKiB;
// An idle channel: its socket, the buffer for its header, and what may wait unread: it is read at once.
constexpr std::size_t kChannel = kSocket + 4 * kKiB + net::kernel_memory({kLeastBuffers});
// Two sessions (TLS buffers of 2 x 16 KiB, TLS state, messages, a socket) and one check, which is a TLS server. A proof
// connection is what a session is at its begin.
constexpr std::size_t kSessions = 2;
constexpr std::size_t kSession = 80 * kKiB;
constexpr std::size_t kCheck = 96 * kKiB;
// What TLS that ends here holds beyond a relay: the library's two records of 16 KiB and its state, and while one side
// does not read, a record of plaintext and one of ciphertext.
constexpr std::size_t kTermination = 40 * kKiB + 2 * 16 * kKiB;
// And where requests are read: a head each way, and what was rewritten and waits.
constexpr std::size_t kHttp = 4 * 16 * kKiB;
constexpr std::size_t kFixed = kSessions * kSession + kCheck;
constexpr std::size_t kSessionBuffers = 8 * kKiB;
constexpr std::size_t kPoolPart = 32;  // a 32nd of the ceiling
constexpr std::size_t kCallersPart = 16;
constexpr std::size_t kLargerPart = 16;  // of what the relays have: for larger buffers while there are few

// For all of them: one per session, at least.
constexpr std::size_t pool_part(std::size_t ceiling) {
  return std::max(ceiling / kPoolPart, kSessions * kChannel);
}

// A direct caller and one who is sent away, of whom there may be as many: a ClientHello and what waits unread behind
// it; our last words that are stuck in one buffer and what still comes in the other.
constexpr std::size_t callers_memory(net::SocketBuffers first) {
  return (kSocket + net::kernel_memory(first) + kShortHello) + (kSocket + 2 * net::kernel_memory(first));
}

// For all of them: one of each, at least.
constexpr std::size_t callers_part(std::size_t ceiling) {
  return std::max(ceiling / kCallersPart, callers_memory({kLeastBuffers}));
}

// One direction that is stuck: the receive buffer in front of it, the pipe, and the send buffer behind it, which takes
// one turn more than it should. The other direction's buffers are empty then: a relay that is stuck both ways is not
// what a mesh connection does.
RelayShare share_of(std::size_t buffers) {
  const net::SocketBuffers each{buffers};
  const std::size_t turn = buffers;
  return {each, turn, kRelayObjects + 2 * net::kernel_memory(each) + 2 * turn, net::Sending::bounded};
}

}  // namespace

MemoryBudget::MemoryBudget(std::size_t ceiling, std::size_t relays_wish)
    : ceiling_(ceiling), base_(share_of(kLeastBuffers)) {
  const std::size_t aside = kFixed + pool_part(ceiling) + callers_part(ceiling);
  CHECK(ceiling > aside);
  relay_memory_ = ceiling - aside;
  const std::size_t guaranteed = relay_memory_ - relay_memory_ / kLargerPart;
  const std::size_t wanted = relays_wish != 0 ? relays_wish : kUsualRelays;
  for (std::size_t buffers = kLeastBuffers; buffers <= kMostBuffers; buffers *= 2) {
    const bool fits = callers_memory({buffers}) <= callers_part(ceiling);
    if (fits && guaranteed / share_of(buffers).memory >= wanted) base_ = share_of(buffers);
  }
  relays_ = guaranteed / base_.memory;
  if (relays_wish != 0) relays_ = std::min(relays_, relays_wish);
  CHECK(relays_ > 0);
}

std::size_t MemoryBudget::unpromised() const {
  const std::size_t promised = (relays_ - live_) * base_.memory;
  CHECK(taken_ + promised <= relay_memory_);
  return relay_memory_ - taken_ - promised;
}

// The largest buffers that leave half of what may go into larger ones to those who come later.
std::optional<RelayShare> MemoryBudget::take_relay() {
  if (!limited()) return RelayShare{};
  if (live_ >= relays_) return std::nullopt;
  const std::size_t more = unpromised() / 2;
  RelayShare share = base_;
  for (std::size_t buffers = base_.buffers.bytes; buffers <= kMostBuffers; buffers *= 2) {
    const RelayShare larger = share_of(buffers);
    if (larger.memory - base_.memory <= more) share = larger;
  }
  ++live_;
  taken_ += share.memory;
  return share;
}

void MemoryBudget::give_back(const RelayShare& share) {
  if (!limited()) return;
  CHECK(live_ >= share.places && taken_ >= share.memory);
  live_ -= share.places;
  taken_ -= share.memory;
}

// Of what is left for larger buffers, and where that is not enough, in the places of relays.
std::optional<RelayShare> MemoryBudget::take_beyond(RelayShare share, std::size_t least_places) {
  const std::size_t missing = share.memory - std::min(share.memory, unpromised());
  const std::size_t places = std::max(least_places, (missing + base_.memory - 1) / base_.memory);
  if (relays_ - live_ < places) return std::nullopt;
  share.memory = std::max(share.memory, places * base_.memory);
  share.places = places;
  live_ += places;
  taken_ += share.memory;
  return share;
}

// Seldom needed and soon over: to set a part aside for it would cost a small device half of its relays.
std::optional<RelayShare> MemoryBudget::take_proof() {
  if (!limited()) return RelayShare{};
  RelayShare share = base_;
  share.buffers = session_buffers();
  share.memory = kSession;
  return take_beyond(share, 0);
}

std::optional<RelayShare> MemoryBudget::take_terminated(Protocol protocol) {
  if (!limited()) return RelayShare{};
  RelayShare share = base_;
  share.memory += kTermination + (protocol == Protocol::http ? kHttp : 0);
  return take_beyond(share, 1);
}

net::SocketBuffers MemoryBudget::session_buffers() const {
  return {limited() ? kSessionBuffers : 0};
}

std::size_t MemoryBudget::pool_max(std::size_t configured) const {
  if (!limited()) return configured;
  return std::min(configured, pool_part(ceiling_) / (kSessions * kChannel));
}

std::size_t MemoryBudget::callers_max(std::size_t otherwise) const {
  if (!limited()) return otherwise;
  return std::min(otherwise, callers_part(ceiling_) / callers_memory(first_buffers()));
}

std::size_t MemoryBudget::checks_max(std::size_t otherwise) const {
  return limited() ? 1 : otherwise;
}

std::size_t MemoryBudget::hello_max(std::size_t otherwise) const {
  return limited() ? std::min(kShortHello, otherwise) : otherwise;
}

}  // namespace fairlead::agent
