#pragma once
// Who may begin a TLS handshake with us, and when: it costs us ten times what it costs a stranger. Pure, time as an
// argument, tickets alone; belongs to one thread or lock. The policy, complete:
//
//   add       waits. Beyond `waiting`, `places` and what is lent to them, or `waiting_bytes` the oldest of the fullest
//   source goes (handshakes_waiting). start     fair by source (fair_order.h). At most `at_a_time` are under way, half
//   of them of one source, and neither
//             strangers nor those who are known have more than three quarters: each kind has a share that the other
//             cannot take. Each start takes from its source's `starts_per_second`; a proved one gives it back.
//   wait      for at most `wait_limit` (handshake_timeout).
//   under way for `flight_limit` (flight_timeout). When others wait and there is no place, the oldest of a crowd
//             (kCrowd of one source) goes once it was given kFlightLeast (handshakes_max), unless a good part of that
//             source proves itself: a fleet that comes back is no flood, however slow.
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
  std::size_t places = SIZE_MAX;  // of their own; more wait only in places that are lent
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
  // Places beyond their own that those who wait may have, from the next add() on.
  void lend(std::size_t places) { lent_ = places; }

  Ticket add(const IpAddress& source, std::size_t bytes, Standing standing, TimePoint now);
  // The next one that begins; it has another ticket from now on. None: nobody may begin now.
  std::optional<Started> start_next(TimePoint now);
  // Of one under way; unknown tickets are ignored: it may have been told to go meanwhile.
  void proved(Ticket running, TimePoint now);  // its peer is who it says: its source pays nothing for it
  void end(Ticket running, TimePoint now);
  void never_began(Ticket running);  // its peer had left before
  // Those who must go, waiting or under way, of these at most `most` whose time is up; they have left the line.
  std::vector<Gone> take_gone(TimePoint now, std::size_t most = SIZE_MAX);
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
    bool charged = true;  // to its source's rate
    bool proved = false;
  };
  // How the handshakes of a source ended, of late.
  struct Record {
    double proved = 0;
    double failed = 0;
    TimePoint at{};
  };
  struct Order {  // of one kind
    FairOrder waiting;
    FairOrder running;
  };

  static Kind kind_of(Standing standing) { return standing == Standing::stranger ? Kind::strangers : Kind::known; }
  Order& order_of(Standing standing) { return orders_[static_cast<std::size_t>(kind_of(standing))]; }
  bool full(const Order& order) const;
  bool has_room(const Order& order) const { return !full(order) && running_.size() < limits_.at_a_time; }
  bool has_half(const Order& order, const IpAddress& source) const;
  Record& record_of(const IpAddress& source, TimePoint now);
  bool productive(const Order& order, const IpAddress& source) const;
  std::optional<Started> start_of(Order& order, TimePoint now);
  Started start(Ticket waited, TimePoint now);
  void leave_waiting(Ticket ticket);
  void leave_running(Ticket ticket, TimePoint now);
  void refund(Running& running);
  std::size_t room() const;
  void shed_beyond_limits();
  struct Victim {
    Ticket ticket;
    TimePoint due;
  };
  std::optional<Victim> crowding() const;
  const Order* to_thin_out() const;
  bool waits_for_place(const Order& order) const;

  HandshakeLimits limits_;
  SourceRate rate_;
  Order orders_[2];
  std::size_t turn_ = 0;  // which kind is asked first
  std::map<Ticket, Waiting> waiting_;
  std::map<Ticket, Running> running_;
  std::unordered_map<SourceKey, Record> records_;  // by the widest source
  std::vector<Gone> gone_;
  std::size_t bytes_ = 0;
  std::size_t lent_ = 0;
  std::optional<TimePoint> rate_ready_;  // somebody waits for its source's rate
  Ticket last_ = 0;
};

}  // namespace fairlead::core
