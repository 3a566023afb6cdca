#pragma once
// The rendezvous's side of one agent's session. Policy, registry and pool are its owner's: it hears of them by events
// and answers by the calls below, when it likes. One thread. How it is driven: control_session.h.
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/core/control_session.h"
#include "common/core/event_queue.h"
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
// What the session refuses by itself costs an answer and a line of log each; who asks on and on ends. The burst lets an
// agent with a thousand services too many be told so, once for each. (What the registry refuses went through
// kRegistersPerSecond.)
inline constexpr double kRefusalsBurst = 1'024;
inline constexpr double kRefusalsPerSecond = 5;
inline constexpr std::chrono::seconds kRefusalsPause = 1min;  // before it may come back

// Renewals cost a signature and a write each; an agent needs one in days.
inline constexpr double kRenewalsBurst = 3;
inline constexpr double kRenewalsPerSecond = 1.0 / 60;
inline constexpr std::chrono::seconds kRenewalRetry = 1min;

namespace server_event {
struct HelloReceived {
  wire::Hello hello;  // answer with welcome() or refuse_session()
};
struct RegisterRequested {
  wire::Register request;  // answer with registered() or refuse(); a claim that stands already is replaced
};
struct ClaimRefused {  // by the session itself: services_max or register_rate; nothing to answer
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
struct RenewalRequested {  // answer with renewed()
  Bytes csr;
};
using session_event::Draining;
using session_event::Failed;
using session_event::ProbeAnswered;
using session_event::RelayEnded;
using session_event::RttMeasured;
}  // namespace server_event

using ServerEvent =
    std::variant<server_event::HelloReceived, server_event::RegisterRequested, server_event::ClaimRefused,
                 server_event::Unregistered, server_event::CandidateOffered, server_event::CandidateWithdrawn,
                 server_event::RttMeasured, server_event::ProbeAnswered, server_event::Draining,
                 server_event::RenewalRequested, server_event::RelayEnded, server_event::Failed>;

class ServerSession final : public ControlSession {
 public:
  explicit ServerSession(TimePoint now);

  std::optional<ServerEvent> next_event() { return events_.pop(); }

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
  void renewed(const wire::Renewed& answer);                 // wire::is_sendable()

 private:
  void push(SharedEvent event) override;
  void on_message(wire::ControlMessage& message, TimePoint now) override;
  void on_open_late() override;
  void on_hello(wire::Hello& hello);
  void on_register(wire::Register& request, TimePoint now);
  void on_unregister(wire::Unregister& message);
  void on_candidate(wire::EndpointCandidate& candidate, TimePoint now);
  void on_withdrawn(wire::CandidateWithdrawn& message);
  void on_renew(wire::Renew& request, TimePoint now);
  void on_refused(const wire::Refused& message);
  // Ends the session of who was refused too often.
  void spend_refusal(TimePoint now);
  bool holds_candidate(std::uint32_t candidate) const;
  bool drop_claim(std::uint32_t claim);

  EventQueue<ServerEvent> events_;
  std::uint16_t agent_version_ = 0;
  std::uint64_t agent_features_ = 0;
  std::uint16_t services_max_ = 0;
  std::vector<std::uint32_t> claims_;  // asked for and neither refused nor withdrawn
  std::vector<std::uint32_t> candidates_;
  std::optional<TokenBucket> registers_;
  std::optional<TokenBucket> offers_;
  std::optional<TokenBucket> refusals_;
  std::optional<TokenBucket> renewals_;
  bool owes_renewal_ = false;
};

}  // namespace fairlead::core
