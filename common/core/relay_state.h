#pragma once
// The bookkeeping of one relayed connection: two directions, each from one side to the other. It says what may be read,
// when a half-close or a reset is passed on, and when and why the relay is over; net::Relay moves the bytes and obeys.
// Bytes that were read from one side and not yet written to the other are `held`; a direction that holds bytes at the
// end of a turn is paused by it, so memory is bounded by one turn's worth of reading.
//
// A side that breaks when both had finished breaks off nothing, and the relay is `completed`: both ended their streams;
// or one did, and since then nothing but last words was said, as when a service closes without reading the client's
// close_notify, or a client without reading the service's. The reset itself is passed on all the same.
//
// Serves net::Relay of both programs. Pure: told what happened and when; one thread.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/base/reason.h"
#include "common/base/time.h"

namespace fairlead::core {

enum class Side : std::uint8_t { client, service };
constexpr Side other(Side side) {
  return side == Side::client ? Side::service : Side::client;
}

// What may still be said after the first end of stream without being content: a TLS close_notify, sealed.
inline constexpr std::uint64_t kLastWords = 64;

// How long a reset may wait for bytes ahead of it without one of them moving.
inline constexpr Duration kResetPatience = 1s;

struct RelayTimes {
  Duration idle_timeout = 1h;
  Duration half_close_timeout = 5min;
  // Idle at most, while the client has said nothing beyond its ClientHello; zero: no limit of its own.
  Duration first_flight_timeout{};
};

// What the driver must do now.
struct RelayStep {
  enum class Kind {
    shut_down,       // end the stream towards `side`: everything before it was written
    await_delivery,  // watch what `side` has not acknowledged; say delivered(side) when nothing is left
    finish,          // close both sides, each as close_with_reset() says; no step follows
  };
  Kind kind;
  Side side = Side::client;           // not for finish
  Reason reason = Reason::completed;  // for finish
};

class RelayState {
 public:
  RelayState(RelayTimes times, TimePoint now) : times_(times), last_move_(now) {}

  // What happened. Once finished, everything is ignored.
  void opened(std::size_t n);               // n held bytes that begin the client's stream: its ClientHello
  void received(Side from, std::size_t n);  // n bytes were read and are held
  void written(Side to, std::size_t n);     // n held bytes were written
  void ended(Side from);                    // end of stream read
  void failed(Side side);                   // a read or a write said that the connection is broken; no more reads
  void write_failed(Side side);             // the same, but bytes may still be readable
  void delivered(Side to);                  // the answer to await_delivery
  void moved(TimePoint now) { last_move_ = now; }  // bytes moved in this turn
  void close(Reason reason);                       // from our own side: limits, drain, a broken rule
  // A side's stream was cut off by what carries it: its last bytes go on, then the other side gets a reset.
  void abort(Side side, Reason reason);
  void on_time(TimePoint now);

  // The next thing to do; ask until empty after each group of events. `now` starts the clocks of half-close and reset.
  std::optional<RelayStep> next_step(TimePoint now);

  // Resumed: not ended, not broken, nothing held, and somebody at the other side takes what is read.
  bool may_read(Side from) const;
  // Bytes are held for a side that still takes them. False with bytes held: they must be thrown away.
  bool may_write(Side to) const;
  // Read, not yet written.
  std::uint64_t held(Side from) const { return flow(from).received - flow(from).written; }
  std::uint64_t passed_on(Side from) const { return flow(from).written; }
  // The client said more than its ClientHello: a finished handshake, or at least somebody who reads.
  bool client_spoke() const { return client_spoke_; }
  bool finished() const { return phase_ == Phase::finished; }
  // After finish: whether this side must see a reset.
  bool close_with_reset(Side side) const { return finished() && reset_to_ == side; }
  // Until on_time has something to do; later than an earlier answer wherever bytes moved.
  std::optional<TimePoint> deadline() const;

 private:
  // relaying --first end passed on--> half_closed --second end passed on--> finished(completed)
  //     |  a side broke                  |
  //     +--------------------------------+--> resetting --all written--> settling --delivered--> finished(*_reset)
  // close() and deadlines lead from everywhere to finished.
  enum class Phase : std::uint8_t {
    relaying,     // for either side's bytes or end
    half_closed,  // one side got the other's end of stream: for the rest of the other direction
    resetting,    // one side is broken: for its last bytes to be read and written
    settling,     // for the acknowledgement of those bytes
    finished,     // nothing
  };
  enum class End : std::uint8_t {
    open,       // the source may still send
    ended,      // the source sent its end of stream
    passed_on,  // and the target was told
    cut,        // the source is broken and was read to the last byte
  };
  // What came from one side.
  struct Flow {
    std::uint64_t received = 0;
    std::uint64_t written = 0;
    std::uint64_t before_half_close = 0;  // of `received`
    End end = End::open;
  };

  const Flow& flow(Side from) const { return flows_[static_cast<std::size_t>(from)]; }
  Flow& flow(Side from) { return flows_[static_cast<std::size_t>(from)]; }
  bool broken(Side side) const { return broken_[static_cast<std::size_t>(side)]; }
  bool drained(Side from) const { return flow(from).end != End::open && held(from) == 0; }
  bool finished_in_order(Side from) const { return drained(from) && flow(from).end != End::cut; }
  void enter(Phase next);
  TimePoint idle_deadline() const;
  Reason idle_reason() const;
  void half_close(Side from, TimePoint now);
  Reason reset_reason(Side broken) const;
  bool had_parted(Side broken) const;
  void finish_with_reset(Side to);
  void finish(Reason reason);
  std::optional<RelayStep> pass_on_ends(TimePoint now);
  std::optional<RelayStep> pass_on_reset(Side from, TimePoint now);

  RelayTimes times_;
  TimePoint last_move_;
  TimePoint phase_since_{};  // of half_closed, resetting, settling
  std::array<Flow, 2> flows_;
  std::array<bool, 2> broken_{};
  std::optional<Side> first_broken_;
  Phase phase_ = Phase::relaying;
  std::optional<Side> reset_to_;  // the side that is owed a reset
  std::optional<Reason> abort_reason_;
  Reason reason_ = Reason::completed;
  bool client_spoke_ = false;
  bool finish_told_ = false;
};

}  // namespace fairlead::core
