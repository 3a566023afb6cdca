#pragma once
// What both ends of a session are, over the plaintext of its control channel (Shape B, with the time as an argument):
// bytes to messages and back, pings and probes, and the ways to end. AgentSession and ServerSession say what the
// messages mean. Whoever drives the TLS connection owns it (net::SessionDriver); one thread.
//
// The driver: after each call, pull next_event() until empty, write output() and report it by sent(), call on_time() at
// deadline(). Once over(), flush output() for at most a second: it tells the peer why. When finished(), close.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/reason.h"
#include "common/core/keepalive.h"
#include "common/core/message_stream.h"

namespace fairlead::core {

// Events that both ends have.
namespace session_event {
struct RttMeasured {
  Duration rtt;
};
struct ProbeAnswered {};  // the peer lives; a probe that is not answered ends in Failed{ping_timeout}
struct Draining {         // the peer will stop: it takes nothing new, and what is live ends within this time
  Duration within;
};
struct RelayEnded {  // the peer's word for how one relayed connection ended; never a code that we do not know
  wire::ConnectionId connection;
  Reason reason;
};
struct Failed {  // last event
  Reason reason;
  std::string detail;
};
}  // namespace session_event

class ControlSession {
 public:
  void receive(ByteView in, TimePoint now);
  ByteView output() const { return stream_.output(); }
  void sent(std::size_t n) { stream_.sent(n); }
  std::optional<TimePoint> deadline() const;
  void on_time(TimePoint now);
  bool over() const { return state_ == State::closing || state_ == State::closed; }
  bool finished() const;  // over, and nothing left to flush

  // Only while active; they do nothing before and after.
  void probe(TimePoint now, TimePoint deadline);  // ProbeAnswered, or Failed at the deadline
  void drain(Duration within);                    // this side stops
  void relay_ended(const wire::ConnectionId& connection, Reason reason);

 protected:
  // opening -----------------> active
  //    |   \--> deciding --------^ |
  //    |            |              |
  //    +------------+------+-------+
  //                        v
  //                     closing ----> closed
  enum class State {
    opening,   // the peer's first message is awaited, until open_until
    deciding,  // the rendezvous only: hello came, its own answer is awaited; the agent must be silent
    active,    // welcomed
    closing,   // nothing is read any more; the output, which says why, is flushed
    closed,    // the peer is gone or does not read: there is nothing to flush
  };
  using SharedEvent = std::variant<session_event::RttMeasured, session_event::ProbeAnswered, session_event::Draining,
                                   session_event::RelayEnded, session_event::Failed>;

  ControlSession(std::string_view peer, TimePoint open_until) : peer_(peer), open_until_(open_until) {}
  ~ControlSession() = default;
  ControlSession(ControlSession&&) = default;
  ControlSession& operator=(ControlSession&&) = default;

  virtual void push(SharedEvent event) = 0;
  virtual void on_message(wire::ControlMessage& message, TimePoint now) = 0;
  virtual void on_open_late() = 0;

  State state() const { return state_; }
  bool active() const { return state_ == State::active; }
  void enter(State next);
  void enter_active(PingRole role, Duration ping_interval, TimePoint now);
  // What means the same at both ends of an active session; anything else is the peer's fault.
  void on_shared_message(const wire::ControlMessage& message, TimePoint now);
  // A ping at once, and later as its role says. May end the session.
  void ping_if_due(TimePoint now);
  void send(const wire::ControlMessage& message);
  void tell_and_close(Reason reason, Duration retry_after, std::string detail);
  void fail_peer(Reason reason, std::string detail);  // the peer is told, too
  void fail_dead(Reason reason, std::string detail);

 private:
  void on_pong(const wire::Pong& pong, TimePoint now);

  std::string_view peer_;  // "agent", "server": for people
  State state_ = State::opening;
  TimePoint open_until_;
  MessageStream stream_;
  std::optional<Keepalive> keepalive_;  // while active
};

}  // namespace fairlead::core
