#pragma once
// The carrier of one agent's session: its keys, and which data channels are ready where. Shared by all threads
// (std::shared_ptr); every method may be called from any of them. The index is small and its lock is held for a few
// instructions: a taker claims an entry, and what it claimed nobody else has.
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

#include "common/base/ip.h"
#include "common/core/channel_keys.h"
#include "common/core/pool_target.h"
#include "common/core/ticket_window.h"
#include "rendezvous/relay/carrier.h"
#include "rendezvous/relay/end_word_table.h"

namespace fairlead::rendezvous {

class AgentCarrier final : public Carrier {
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
  struct Leftovers {
    std::vector<WorkerItem> channels;
    std::vector<WorkerItem> waiters;
  };

  using TellEnded = std::function<void(const wire::ConnectionId&, Reason)>;  // to the agent; any thread

  AgentCarrier(Description description, TimePoint now, std::function<void()> demand, std::function<void()> probe,
               TellEnded tell_ended = {});

  const Description& description() const { return description_; }
  const core::ChannelKeys& keys() const { return keys_; }

  // Carrier
  ChannelClaim claim_or_wait(WorkerItem client, TimePoint now) override;
  void stop_waiting(WorkerItem client) override;
  core::SealedHeader make_header(const wire::ChannelHeader& fields, ByteView hello) const override;
  wire::Parsed<wire::ChannelAnswer> read_answer(ByteView in, const wire::Mac& header_mac) const override;
  void probe() override { probe_(); }  // the control thread pings the agent and ends the session if that fails
  void tell_ended(const wire::ConnectionId& connection, Reason reason) override {
    if (tell_ended_ && !ended()) tell_ended_(connection, reason);
  }
  std::optional<Reason> take_word(const wire::ConnectionId& connection, TimePoint now) override {
    return words_.take(connection, now);
  }
  std::optional<GaugeToken> take_place() override { return relays_.take(); }
  bool ended() const override { return ended_.load(std::memory_order_relaxed); }
  Duration rtt() const override { return Duration(rtt_.load(std::memory_order_relaxed)); }
  CarrierLoad load() const override;

  // The agent said how one of its connections ended.
  void put_word(const wire::ConnectionId& connection, Reason reason, TimePoint now) {
    words_.put(connection, reason, now);
  }

  // ticket_forged, ticket_replayed, or session_ended.
  Result<void> admit_ticket(const wire::Signed<wire::Ticket>& ticket);

  // Which of the workers should hold a channel that `arrived` at one of them: where a client waits for it, else where
  // the fewest are ready. A channel moves before anybody needs it, so that clients need not.
  unsigned home_of(unsigned arrived, unsigned workers) const;
  // A channel with a good ticket arrived. It is ready, or it belongs to the client that waited longest, of its own
  // worker where one waits there, which is returned: the caller reserves the channel for it. pool_full, session_ended:
  // close the channel.
  Result<std::optional<WorkerItem>> add_ready(WorkerItem channel, TimePoint now);
  // A ready channel died or is to be closed. False: somebody has claimed it.
  bool remove_ready(WorkerItem channel, TimePoint now);
  // Ready channels beyond what the pool wants now, already taken out of the index.
  std::vector<WorkerItem> take_surplus(TimePoint now);

  // How many channels the agent should be asked for now, and when to look again.
  std::uint16_t take_ask(TimePoint now);
  std::optional<TimePoint> ask_deadline();
  std::uint16_t pool_size();

  // The session is over: no more tickets, channels or waiters. Live relays stay.
  Leftovers close();
  void set_rtt(Duration rtt) { rtt_.store(rtt.count(), std::memory_order_relaxed); }

 private:
  // The control thread was last told to ask at `before`: is there another time to tell? Under the lock.
  bool replanned(std::optional<TimePoint> before, TimePoint now);
  void tell_demand();
  WorkerItem take_waiter(unsigned worker);  // there is one; under the lock

  const Description description_;
  const core::ChannelKeys keys_;
  const std::function<void()> demand_;
  const std::function<void()> probe_;
  const TellEnded tell_ended_;
  EndWordTable words_;
  std::atomic<bool> ended_{false};
  std::atomic<bool> demand_told_{false};  // until take_ask(): a burst of takers wakes the control thread once
  std::atomic<Duration::rep> rtt_{0};
  Gauge relays_;

  mutable std::mutex mutex_;  // guards all below
  core::TicketWindow window_;
  core::PoolTarget pool_;
  std::vector<WorkerItem> ready_;  // the freshest last: it is the one most surely alive
  int passed_over_ = 0;            // in a row, for one of the channel's own worker
  std::list<WorkerItem> waiters_;  // holds no memory while nobody waits, unlike a deque
};

}  // namespace fairlead::rendezvous
