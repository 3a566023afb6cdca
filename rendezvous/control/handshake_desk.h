#pragma once
// Where connections that end at the rendezvous wait for their TLS handshake, and whose turn it is: the edge of
// core::HandshakeLine. Workers bring them, control threads take them and hold a HandshakePlace until the peer is a
// session or gone: what a connection counts against is exchanged, never dropped. Any thread; one lock. Owned by Server,
// outlives both kinds of threads; its timer runs on the main loop.
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "common/base/gauge.h"
#include "common/core/handshake_line.h"
#include "common/core/known_sources.h"
#include "common/net/loop.h"
#include "common/tls/ticket_keys.h"
#include "rendezvous/record/counters.h"
#include "rendezvous/relay/control_inbound.h"
#include "rendezvous/setting/config.h"

namespace fairlead::rendezvous {

class HandshakeDesk;

// A handshake under way; given back when destroyed.
class HandshakePlace {
 public:
  using Ticket = core::HandshakeLine::Ticket;

  HandshakePlace() = default;
  HandshakePlace(HandshakeDesk& desk, Ticket ticket, const IpAddress& source)
      : desk_(&desk), ticket_(ticket), source_(source) {}
  HandshakePlace(HandshakePlace&& other) noexcept;
  HandshakePlace& operator=(HandshakePlace&& other) noexcept;
  ~HandshakePlace();

  Ticket ticket() const { return desk_ == nullptr ? 0 : ticket_; }
  // The peer has shown who it is: its source is preferred for a while, and this handshake costs it nothing.
  void proved();

 private:
  HandshakeDesk* desk_ = nullptr;  // null: empty
  Ticket ticket_ = 0;
  IpAddress source_;
};

// A control thread. Any thread calls; it does the work on its own.
class HandshakeTaker {
 public:
  virtual ~HandshakeTaker() = default;
  virtual void begin(ControlInbound inbound, HandshakePlace place) = 0;
  // The handshake that holds this ticket has to go; one that is over is not found.
  virtual void give_up(HandshakePlace::Ticket ticket, Reason reason) = 0;
};

class HandshakeDesk {
 public:
  struct Use {
    std::size_t under_way, waiting, waiting_bytes;
  };

  // `sessions`: the limit whose free places are lent to those who wait. `keys`: may be null.
  HandshakeDesk(net::Loop& loop, Counters& counters, const Gauge& sessions, std::shared_ptr<const tls::TicketKeys> keys,
                const Limits& limits);
  // Before any thread starts.
  void set_takers(std::vector<HandshakeTaker*> takers) { takers_ = std::move(takers); }

  // An own-name hello was read. May turn away this one or another: counted, closed without a word.
  void take(ControlInbound inbound);
  void apply(const Limits& limits);
  // Nothing begins any more.
  void close();
  Use use() const;

 private:
  friend class HandshakePlace;
  using Ticket = core::HandshakeLine::Ticket;
  struct Work;

  core::HandshakeLine::Standing standing_of(const ControlInbound& inbound) const;
  void proved(Ticket ticket, const IpAddress& source);
  void end(Ticket ticket);
  Work advance(TimePoint now);
  void begin(const core::HandshakeLine::Started& started, Work& work);
  void hand_out(Work work);
  void arm();
  void on_time();

  net::Loop& loop_;
  Counters& counters_;
  const Gauge& sessions_;
  const std::shared_ptr<const tls::TicketKeys> keys_;
  std::vector<HandshakeTaker*> takers_;
  mutable std::mutex mutex_;  // of all below
  core::HandshakeLine line_;
  core::KnownSources known_;
  std::unordered_map<Ticket, ControlInbound> waiting_;
  std::unordered_map<Ticket, std::size_t> taker_of_;  // of those under way
  std::size_t next_taker_ = 0;
  bool closed_ = false;
  std::optional<TimePoint> armed_for_;
  core::TimerEntry timer_;  // main loop only
};

}  // namespace fairlead::rendezvous
