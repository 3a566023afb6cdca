#pragma once
// Relay: moves the bytes of one mesh connection between two stream sockets of the same Poller, with splice(2) through a
// pooled pipe; nothing is decrypted, and only the first bytes of either side are copied to user space. What is
// decided (pauses, half-close, resets, timeouts) is decided by core::RelayState.
//
// An end is any stream socket: TCP, unix, or one half of a socketpair behind which another transport works.
// What the service's first bytes must be before any of them goes on is judged by core::FirstFlight; a client whose
// service is refused gets its last words in their place.
// What we say ahead of them (an agent's answer) leaves together with them, for one segment and one wake-up of the peer
// instead of two, or kPrefixPatience after the beginning.
//
// Owned by a RelayOwner of the same loop, which hands it to loop.retire() in on_relay_ended.
#include <cstdint>
#include <optional>

#include "common/core/first_flight.h"
#include "common/core/relay_state.h"
#include "common/core/timer_queue.h"
#include "common/net/farewell.h"
#include "common/net/pipe_pool.h"
#include "common/net/poller.h"
#include "common/net/stuck_relays.h"

namespace fairlead::net {

// Bytes per direction and turn, after which the other connections of the loop are served.
inline constexpr std::size_t kTurnBudget = 2 * kLargePipe;

// How long our own words wait for the service's first bytes: far below what anybody allows for an answer.
inline constexpr Duration kPrefixPatience = 20ms;

// Whether a side is written to as long as the kernel takes bytes, or only while its send buffer has room: for sockets
// with limit_buffers(), at a system call per write.
enum class Sending { eager, bounded };

struct RelayLimits {
  Duration idle_timeout = 1h;
  Duration half_close_timeout = 5min;
  Duration first_flight_timeout{};  // core::RelayTimes

  core::RelayTimes times() const { return {idle_timeout, half_close_timeout, first_flight_timeout}; }
  std::size_t turn_budget = kTurnBudget;
  Sending sending = Sending::eager;
  core::FlightRule first = core::FlightRule::passthrough;
};

struct RelayEnds {
  PolledFd client;
  PolledFd service;
  Bytes to_service;        // read from the client already: sent ahead
  Bytes to_client;         // read from the service already: checked and sent ahead
  Bytes to_client_prefix;  // our own words ahead of everything: neither checked nor counted
};

struct RelayOutcome {
  Reason reason = Reason::completed;
  std::uint64_t client_bytes = 0;   // of the client, written to the service
  std::uint64_t service_bytes = 0;  // of the service, written to the client
  Duration lasted{};
};

// What the relays of one worker share; outlives them.
struct RelayTools {
  Poller& poller;
  PipePool& pipes;
  Farewells& farewells;
  StuckRelays* stuck = nullptr;  // null: what stuck relays hold is bounded by other means
};

class Relay;

class RelayOwner {
 public:
  virtual ~RelayOwner() = default;
  // At most once: the client said more than its ClientHello. It may not be closed from here.
  virtual void on_client_spoke(Relay& /*relay*/) {}
  // Exactly once, the last thing the relay does; its sockets are closed already. Never from within the constructor.
  virtual void on_relay_ended(Relay& relay, const RelayOutcome& outcome) = 0;
};

class Relay {
 public:
  // Begins to move bytes in the loop's next turn.
  Relay(RelayTools tools, RelayEnds ends, RelayLimits limits, RelayOwner& owner);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // How long this side may be silent before the kernel asks whether it is there.
  void keep_alive(core::Side side, Duration idle);
  // Ends it from our side (drain, limits). on_relay_ended follows before it returns, unless it came before.
  void close(Reason reason);
  // What carries this side (behind a socketpair, say) was cut off: what it sent goes on, then the other side gets a
  // reset, never an orderly end. on_relay_ended follows, at the latest when kResetPatience has passed without a byte.
  void abort(core::Side side, Reason reason);

  // For StuckRelays. Bytes wait for a side that does not take them.
  bool stuck() const { return state_.held(core::Side::client) > 0 || state_.held(core::Side::service) > 0; }
  std::uint64_t passed_on() const;
  std::size_t kernel_memory() const;  // of both sockets and of what is in the pipes
  // Small buffers, pipes and turns from now on, or as the kernel likes again.
  void set_tight(bool tight);
  // As close(), with a reset: what is queued for a peer that does not read is freed at once.
  void cut_off(Reason reason);
  std::optional<std::size_t> stuck_place;  // its owner's alone

  bool client_spoke() const { return state_.client_spoke(); }
  std::uint64_t client_bytes() const { return state_.passed_on(core::Side::client); }
  std::uint64_t service_bytes() const;
  TimePoint started() const { return started_; }

 private:
  // One socket, and the direction that comes from it.
  struct End final : PollTarget {
    End(Relay& owner, core::Side which) : relay(owner), side(which) {}
    void on_ready(Readiness ready) override { relay.on_ready(*this, ready); }

    Relay& relay;
    const core::Side side;
    PolledFd fd;
    Bytes ahead;  // read into memory; goes out before what the pipe holds
    std::size_t ahead_sent = 0;
    Pipe pipe;              // invalid between turns unless bytes are stuck in it
    std::size_t piped = 0;  // bytes inside the pipe
    PipeSize wish = PipeSize::normal;
    bool spliceable = true;
  };

  void on_ready(End& end, Readiness ready);
  void look_for_error(End& end);
  void move(End& from, End& to);
  bool pass_out(End& from, End& to);
  bool pass_ahead(End& from, End& to);
  bool pass_piped(End& from, End& to);
  std::size_t take_in(End& from, End& to, std::size_t budget);
  std::size_t take_first();
  std::size_t take_spliced(End& from, std::size_t budget);
  std::size_t take_copied(End& from, End& to);
  bool has_pipe(End& from);
  void put_pipe_away(End& from);
  void judge(ByteView from_service);
  void release_prefix();
  void refuse();
  void obey();
  void look_whether_stuck();
  void tell_who_spoke();
  void look_for_delivery();
  void finish(Reason reason);
  void arm_timer();
  void on_timer();
  End& end_of(core::Side side) { return side == core::Side::client ? client_ : service_; }
  TimePoint now() const { return tools_.poller.loop().now(); }

  RelayTools tools_;
  RelayOwner& owner_;
  const std::size_t whole_turn_;
  const Sending usual_sending_;
  std::size_t turn_budget_;
  Sending sending_;
  bool tight_ = false;
  TimePoint started_;
  core::RelayState state_;
  std::uint64_t prefix_size_;
  End client_;
  End service_;
  Bytes prefix_;  // our own words, until they go on
  core::FirstFlight first_;
  std::optional<core::Side> awaited_;  // the side whose acknowledgements a reset waits for
  bool told_who_spoke_ = false;
  TimePoint timer_due_{};
  core::TimerEntry timer_;
};

}  // namespace fairlead::net
