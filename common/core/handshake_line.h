#pragma once
// Who may begin a TLS handshake with us, and when: it costs us ten times what it costs a stranger. Pure, time as an
// argument, tickets alone; belongs to one thread or lock. The policy, complete:
//
//   add       waits. Beyond `waiting` or `waiting_bytes` the oldest of the fullest source goes (handshakes_waiting).
//   start     fair by source (fair_order.h). At most `at_a_time` are under way, and neither strangers nor those who are
//             known have more than three quarters of them: each kind has a share that the other cannot take. Each start
//             takes from its source's `starts_per_second`; a proved one gives it back, one that resumes is exempt.
//   wait      for at most `wait_limit` (handshake_timeout).
//   under way for `flight_limit` (flight_timeout). When others wait and there is no place, the oldest of a source that
//             has kCrowd or more under way goes once it was given kFlightLeast (handshakes_max).
#include <map>
#include <optional>
#include <vector>

#include "common/base/reason.h"
#include "common/core/fair_order.h"
#include "common/core/source_rate.h"

namespace fairlead::core {

struct HandshakeLimits {
  std::size_t at_a_time = 256;
  std::size_t waiting = 16384;
  std::size_t waiting_bytes = 32 * 1024 * 1024;
  double starts_per_second = 128;
  Duration wait_limit = 10s;
  Duration flight_limit = 5s;
};

class HandshakeLine {
 public:
  using Ticket = FairOrder::Ticket;
  enum class Standing : std::uint8_t {
    stranger,
    known,     // its address proved itself not long ago
    resuming,  // it holds a session ticket of ours
  };
  static constexpr std::size_t kCrowd = 8;
  static constexpr Duration kFlightLeast = 1s;

  struct Started {
    Ticket waited;
    Ticket running;
  };
  struct Gone {
    Ticket ticket;
    Reason reason;
  };

  explicit HandshakeLine(const HandshakeLimits& limits) : limits_(limits), rate_(limits.starts_per_second) {}
  void apply(const HandshakeLimits& limits);

  Ticket add(const IpAddress& source, std::size_t bytes, Standing standing, TimePoint now);
  // The next one that begins; it has another ticket from now on. None: nobody may begin now.
  std::optional<Started> start_next(TimePoint now);
  // Of one under way; unknown tickets are ignored: it may have been told to go meanwhile.
  void proved(Ticket running);  // its peer is who it says: its source pays nothing for it
  void end(Ticket running);
  // Those who must go, waiting or under way; they have left the line.
  std::vector<Gone> take_gone(TimePoint now);
  // When start_next() or take_gone() have something to do without another event.
  std::optional<TimePoint> deadline(TimePoint now) const;

  std::size_t waiting() const { return waiting_.size(); }
  std::size_t under_way() const { return running_.size(); }
  std::size_t waiting_bytes() const { return bytes_; }

 private:
  enum class Kind : std::uint8_t { strangers, known };
  struct Waiting {
    IpAddress source;
    std::size_t bytes;
    Standing standing;
    TimePoint since;
  };
  struct Running {
    IpAddress source;
    Standing standing;
    TimePoint since;
    bool charged = false;  // to its source's rate, until it is proved
  };
  struct Order {  // of one kind
    FairOrder waiting;
    FairOrder running;
  };

  static Kind kind_of(Standing standing) { return standing == Standing::stranger ? Kind::strangers : Kind::known; }
  Order& order_of(Standing standing) { return orders_[static_cast<std::size_t>(kind_of(standing))]; }
  bool full(const Order& order) const;
  bool has_room(const Order& order) const { return !full(order) && running_.size() < limits_.at_a_time; }
  std::optional<Started> start_of(Order& order, TimePoint now);
  Started start(Ticket waited, TimePoint now);
  void leave_waiting(Ticket ticket);
  void leave_running(Ticket ticket);
  void shed_beyond_limits();
  struct Victim {
    Ticket ticket;
    TimePoint due;
  };
  std::optional<Victim> crowding() const;
  const Order* to_thin_out() const;

  HandshakeLimits limits_;
  SourceRate rate_;
  Order orders_[2];
  std::size_t turn_ = 0;  // which kind is asked first
  std::map<Ticket, Waiting> waiting_;
  std::map<Ticket, Running> running_;
  std::vector<Gone> gone_;
  std::size_t bytes_ = 0;
  std::optional<TimePoint> rate_ready_;  // somebody waits for its source's rate
  Ticket last_ = 0;
};

}  // namespace fairlead::core
