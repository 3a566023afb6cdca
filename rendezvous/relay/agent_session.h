#pragma once
// One agent's session as the relay workers see it: its keys, and which data channels are ready where. Shared by all
// threads (std::shared_ptr); every method may be called from any of them. The index is small and its lock is held for
// a few instructions: a taker claims an entry, and what it claimed nobody else has.
//
// The TLS connection behind it belongs to a control thread; `demand` is how that thread hears that take_ask() has
// something to say.
#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/gauge.h"
#include "common/base/ip.h"
#include "common/core/channel_keys.h"
#include "common/core/pool_target.h"
#include "common/core/ticket_window.h"
#include "rendezvous/registry/routing.h"

namespace fairlead::rendezvous {

// A data channel or a waiting client by its worker and that worker's own number for it.
struct WorkerItem {
  unsigned worker = 0;
  std::uint64_t number = 0;
  bool operator==(const WorkerItem&) const = default;
};

class AgentSession final : public EndpointOwner {
 public:
  struct Description {
    wire::SessionId id{};
    wire::SessionKey key{};
    std::string spiffe_id;
    std::string software;
    SocketAddress peer;
    WallTime since{};
    core::PoolLimits pool;
    std::size_t relays_max = 0;
  };
  struct Claim {
    enum class Kind { taken, waiting, ended } kind;
    WorkerItem channel;  // when taken
  };
  struct Leftovers {
    std::vector<WorkerItem> channels;
    std::vector<WorkerItem> waiters;
  };

  AgentSession(Description description, TimePoint now, std::function<void()> demand, std::function<void()> probe);

  const Description& description() const { return description_; }
  const core::ChannelKeys& keys() const { return keys_; }
  // ticket_forged, ticket_replayed, or session_ended.
  Result<void> admit_ticket(const wire::Signed<wire::Ticket>& ticket);

  // A channel with a good ticket arrived. It is ready, or it belongs to the client that waited longest, which is
  // returned: the caller reserves the channel for it. pool_full, session_ended: close the channel.
  Result<std::optional<WorkerItem>> add_ready(WorkerItem channel, TimePoint now);
  // Takes a ready channel, one of the client's own worker where there is one. When none is ready the pool learns of it
  // and the client waits: its worker is told of the next channel.
  Claim claim_or_wait(WorkerItem client, TimePoint now);
  void stop_waiting(WorkerItem client);
  // A ready channel died or is to be closed. False: somebody has claimed it.
  bool remove_ready(WorkerItem channel, TimePoint now);
  // Ready channels beyond what the pool wants now, already taken out of the index.
  std::vector<WorkerItem> take_surplus(TimePoint now);

  // How many channels the agent should be asked for now, and when to look again.
  std::uint16_t take_ask(TimePoint now);
  std::optional<TimePoint> ask_deadline();
  std::uint16_t pool_size();
  // No answer came on one of its channels: the control thread pings the agent and ends the session if that fails.
  void probe() { probe_(); }

  // The session is over: no more tickets, channels or waiters. Live relays stay.
  Leftovers close();
  bool closed() const { return closed_.load(std::memory_order_relaxed); }

  Duration rtt() const { return Duration(rtt_.load(std::memory_order_relaxed)); }
  void set_rtt(Duration rtt) { rtt_.store(rtt.count(), std::memory_order_relaxed); }
  Gauge& relays() { return relays_; }
  std::size_t ready_count();

 private:
  // The control thread was last told to ask at `before`: is there another time to tell? Under the lock.
  bool replanned(std::optional<TimePoint> before, TimePoint now);
  void tell_demand();

  const Description description_;
  const core::ChannelKeys keys_;
  const std::function<void()> demand_;
  const std::function<void()> probe_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> demand_told_{false};  // until take_ask(): a burst of takers wakes the control thread once
  std::atomic<Duration::rep> rtt_{0};
  Gauge relays_;

  std::mutex mutex_;  // guards all below
  core::TicketWindow window_;
  core::PoolTarget pool_;
  std::vector<WorkerItem> ready_;  // the freshest last: it is the one most surely alive
  std::list<WorkerItem> waiters_;  // holds no memory while nobody waits, unlike a deque
};

// Whoever owns an endpoint here is a session.
inline AgentSession& session_of(EndpointOwner& owner) {
  return static_cast<AgentSession&>(owner);
}
inline AgentSession& session_of(const Endpoint& endpoint) {
  return session_of(*endpoint.owner);
}

}  // namespace fairlead::rendezvous
