#pragma once
// The agent's side of one session with one rendezvous, over the plaintext of its control channel (Shape B, with the
// time as an argument). The agent's control client owns it; one loop.
//
// The driver: as for ServerSession. When finished() is true, close the connection.
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/reason.h"
#include "common/core/event_queue.h"
#include "common/core/keepalive.h"
#include "common/core/message_stream.h"

namespace fairlead::core {

inline constexpr Duration kWelcomeTimeout = 20s;  // a restarted server decides about thousands of hellos first
inline constexpr std::chrono::seconds kMaxRetryAfter = 1h;  // no server may send an agent away for longer
inline constexpr Duration kPingIntervalMost = 5min;

// Why the rendezvous said no. A newer one may use codes that this program does not know: then `reason` is absent.
struct Refusal {
  std::optional<Reason> reason;
  std::string code;
  std::chrono::seconds retry_after{0};
  std::string detail;
};

namespace agent_event {
struct Welcomed {
  wire::Welcome welcome;
};
struct ServiceRegistered {
  wire::Registered registered;
};
struct ServiceRefused {
  std::uint32_t claim;
  Refusal refusal;
};
struct SessionRefused {  // last event
  Refusal refusal;
};
struct OpenChannels {
  std::uint16_t count;
};
struct PoolSizeChanged {
  std::uint16_t size;
};
struct Draining {  // the rendezvous will stop: move elsewhere within this time
  Duration within;
};
struct RttMeasured {
  Duration rtt;
};
struct ProbeAnswered {};  // a probe that is not answered ends in Failed{ping_timeout}
struct NonceToProve {     // connect from the candidate's own address and show this
  wire::VerifyNonce nonce;
};
struct CandidateJudged {  // of a candidate that this session offered and did not withdraw
  std::uint32_t candidate;
  std::string code;  // empty: reachable and published
};
struct Failed {  // last event
  Reason reason;
  std::string detail;
};
}  // namespace agent_event

using AgentEvent = std::variant<agent_event::Welcomed, agent_event::ServiceRegistered, agent_event::ServiceRefused,
                                agent_event::SessionRefused, agent_event::OpenChannels, agent_event::PoolSizeChanged,
                                agent_event::Draining, agent_event::RttMeasured, agent_event::ProbeAnswered,
                                agent_event::NonceToProve, agent_event::CandidateJudged, agent_event::Failed>;

class AgentSession {
 public:
  // Says hello at once; sets hello.version.
  // `ping_interval` is the agent's own wish; the shorter of both sides' counts. Unless it is the agent's, the server's
  // pings serve both.
  AgentSession(wire::Hello hello, TimePoint now, Duration ping_interval = kPingIntervalMost);

  void receive(ByteView in, TimePoint now);
  std::optional<AgentEvent> next_event();
  ByteView output() const { return stream_.output(); }
  void sent(std::size_t n) { stream_.sent(n); }
  std::optional<TimePoint> deadline() const;
  void on_time(TimePoint now);
  bool finished() const;  // ended, and nothing left to flush

  // Only after Welcomed. The claim: not 0, not one that was unregistered in this session; one that is in use replaces
  // what it stood for.
  void register_service(const wire::Register& request);
  // These and the above do nothing once the session has ended, and these before it is welcomed.
  void unregister(std::uint32_t claim, Reason reason);
  // A candidate under a number that is in use replaces what it stood for. At most kMaxCandidates at a time.
  void offer(const wire::EndpointCandidate& candidate);
  void withdraw(std::uint32_t candidate, Reason reason);
  void drain(Duration within);
  // After a network change or a resume: ProbeAnswered, or Failed at the deadline.
  void probe(TimePoint now, TimePoint deadline);

 private:
  // waiting --welcome--> active
  //    |                   |
  //    +---------+---------+
  //              v
  //           closing ----> closed
  enum class State {
    waiting,  // our hello is out; waits for welcome or refused, within kWelcomeTimeout
    active,   // welcomed
    closing,  // nothing is read any more; the output, which says why, is flushed
    closed,   // the peer is gone or does not read: there is nothing to flush
  };

  void enter(State next);
  void on_message(wire::ControlMessage& message, TimePoint now);
  void on_welcome(wire::Welcome& welcome, TimePoint now);
  void on_refused(wire::Refused& refused);
  void on_registered(wire::Registered& message);
  bool offers(std::uint32_t candidate) const;
  void on_nonce(const wire::VerifyNonce& nonce);
  void on_verified(wire::Verified& verified);
  void on_ping(const wire::Ping& ping, TimePoint now);
  void on_pong(const wire::Pong& pong, TimePoint now);
  bool over() const;
  void send(const wire::ControlMessage& message);
  bool drop_claim(std::uint32_t claim);
  void ping_if_due(TimePoint now);
  void fail_peer(Reason reason, std::string detail);  // the rendezvous is told, too
  void fail_dead(Reason reason, std::string detail);

  State state_ = State::waiting;
  TimePoint welcome_deadline_;
  Duration ping_interval_;
  MessageStream stream_;
  EventQueue<AgentEvent> events_;
  std::vector<std::uint32_t> candidates_;  // offered
  std::vector<std::uint32_t> claims_;      // asked for and neither refused nor withdrawn
  std::optional<Keepalive> keepalive_;     // while active
};

}  // namespace fairlead::core
