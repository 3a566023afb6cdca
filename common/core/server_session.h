#pragma once
// The rendezvous's side of one agent's session, over the plaintext of its control channel (Shape B, with the time as an
// argument). Whoever drives the TLS connection owns it; one thread. Policy, registry and pool are the caller's: it
// hears of them by events and answers by the calls below, when it likes.
//
// The driver: after each call, pull next_event() until empty, write output() and report it by sent(), call on_time() at
// deadline(). When finished() is true, close the connection. On Failed or after refuse_session(), flush output() for at
// most a second first: it tells the agent why.
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/reason.h"
#include "common/core/event_queue.h"
#include "common/core/keepalive.h"
#include "common/core/message_stream.h"
#include "common/core/token_bucket.h"

namespace fairlead::core {

inline constexpr Duration kHelloTimeout = 10s;
inline constexpr Duration kUnansweredProbe = 3s;  // of a session whose agent did not answer on a data channel
// Registrations may come in one burst of services_max after the welcome, then at this pace: each costs every worker.
inline constexpr double kRegistersPerSecond = 5;
inline constexpr std::chrono::seconds kRegisterRateRetry = 2s;
// Each candidate costs a dial-back: a burst of what a session may offer, then at this pace.
inline constexpr double kCandidatesPerSecond = 1;
inline constexpr std::chrono::seconds kServicesMaxRetry = 10min;

namespace server_event {
struct HelloReceived {
  wire::Hello hello;  // answer with welcome() or refuse_session()
};
struct RegisterRequested {
  wire::Register request;  // answer with registered() or refuse(); a claim that stands already is replaced
};
struct ClaimRefused {  // refused by the session itself: services_max or register_rate; nothing to answer
  std::uint32_t claim;
  Reason reason;
};
struct Unregistered {
  std::uint32_t claim;
  std::string code;
};
struct CandidateOffered {  // dial it back and tell verified(); the same number again replaces what it stood for
  wire::EndpointCandidate candidate;
};
struct CandidateWithdrawn {
  std::uint32_t candidate;
  std::string code;
};
struct RttMeasured {
  Duration rtt;
};
struct ProbeAnswered {};  // the agent lives; a probe that is not answered ends in Failed{ping_timeout}
struct AgentDraining {
  Duration within;
};
struct Failed {  // last event
  Reason reason;
  std::string detail;
};
}  // namespace server_event

using ServerEvent = std::variant<server_event::HelloReceived, server_event::RegisterRequested,
                                 server_event::ClaimRefused, server_event::Unregistered, server_event::CandidateOffered,
                                 server_event::CandidateWithdrawn, server_event::RttMeasured,
                                 server_event::ProbeAnswered, server_event::AgentDraining, server_event::Failed>;

class ServerSession {
 public:
  explicit ServerSession(TimePoint now);

  void receive(ByteView in, TimePoint now);
  std::optional<ServerEvent> next_event();
  ByteView output() const { return stream_.output(); }
  void sent(std::size_t n) { stream_.sent(n); }
  std::optional<TimePoint> deadline() const;
  void on_time(TimePoint now);
  bool finished() const;  // ended, and nothing left to flush

  // The calls below do nothing once the session has ended: answers from other threads may come late.
  // Version and features are set to what both sides have; the rest is as given.
  void welcome(wire::Welcome message, TimePoint now);
  // Ends the session, before or after the welcome. retry_after: not sooner.
  void refuse_session(Reason reason, Duration retry_after, std::string detail);
  // Of claims that the agent has withdrawn meanwhile nothing is sent.
  void registered(const wire::Registered& message);
  void refuse(std::uint32_t claim, Reason reason, Duration retry_after, std::string detail);
  void open_channels(std::uint16_t count);
  void set_pool_size(std::uint16_t size);
  // Of candidates that the agent has withdrawn meanwhile nothing is sent.
  void demand_proof(const wire::VerifyNonce& nonce);
  void verified(std::uint32_t candidate, std::string code);  // code empty: published
  void probe(TimePoint now, TimePoint deadline);
  void drain(Duration within);

 private:
  // greeting --hello--> deciding --welcome()--> active
  //     |                  |                       |
  //     +------------------+---------+-------------+
  //                                  v
  //                               closing ----> closed
  enum class State {
    greeting,  // waits for the agent's hello, within kHelloTimeout
    deciding,  // waits for our own welcome() or refuse_session(); the agent must be silent
    active,    // serves
    closing,   // nothing is read any more; the output, which says why, is flushed
    closed,    // the peer is gone or does not read: there is nothing to flush
  };
  void enter(State next);
  void on_message(wire::ControlMessage& message, TimePoint now);
  void on_hello(wire::Hello& hello);
  void on_register(wire::Register& request, TimePoint now);
  void on_unregister(wire::Unregister& message);
  void on_candidate(wire::EndpointCandidate& candidate, TimePoint now);
  void on_withdrawn(wire::CandidateWithdrawn& message);
  void on_refused(const wire::Refused& message);
  void on_pong(const wire::Pong& pong, TimePoint now);
  bool over() const;
  bool holds_candidate(std::uint32_t candidate) const;
  bool drop_claim(std::uint32_t claim);
  void ping_if_due(TimePoint now);
  void send(const wire::ControlMessage& message);
  void tell_and_close(Reason reason, Duration retry_after, std::string detail);
  void fail_peer(Reason reason, std::string detail);  // the agent is told, too
  void fail_dead(Reason reason, std::string detail);

  State state_ = State::greeting;
  TimePoint hello_deadline_;
  MessageStream stream_;
  EventQueue<ServerEvent> events_;
  std::uint16_t agent_version_ = 0;
  std::uint64_t agent_features_ = 0;
  std::uint16_t services_max_ = 0;
  std::vector<std::uint32_t> claims_;   // asked for and neither refused nor withdrawn
  std::optional<Keepalive> keepalive_;  // while active
  std::vector<std::uint32_t> candidates_;
  std::optional<TokenBucket> registers_;
  std::optional<TokenBucket> offers_;
};

}  // namespace fairlead::core
