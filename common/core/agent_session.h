#pragma once
// The agent's side of one session with one rendezvous: what its messages mean, and what it asks for. The agent's link
// to that rendezvous owns it; one loop. How it is driven: control_session.h.
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/core/control_session.h"
#include "common/core/event_queue.h"

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
struct NonceToProve {  // connect from the candidate's own address and show this
  wire::VerifyNonce nonce;
};
struct CandidateJudged {  // of a candidate that this session offered and did not withdraw
  std::uint32_t candidate;
  std::string code;  // empty: reachable and published
};
struct Renewed {  // the answer to renew()
  wire::Renewed answer;
};
using session_event::Draining;
using session_event::Failed;
using session_event::ProbeAnswered;
using session_event::RelayEnded;
using session_event::RttMeasured;
}  // namespace agent_event

using AgentEvent =
    std::variant<agent_event::Welcomed, agent_event::ServiceRegistered, agent_event::ServiceRefused,
                 agent_event::SessionRefused, agent_event::OpenChannels, agent_event::PoolSizeChanged,
                 agent_event::Draining, agent_event::RttMeasured, agent_event::ProbeAnswered, agent_event::NonceToProve,
                 agent_event::CandidateJudged, agent_event::Renewed, agent_event::RelayEnded, agent_event::Failed>;

class AgentSession final : public ControlSession {
 public:
  // Says hello at once; sets hello.version.
  // `ping_interval` is the agent's own wish; the shorter of both sides' counts. Unless it is the agent's, the server's
  // pings serve both.
  AgentSession(wire::Hello hello, TimePoint now, Duration ping_interval = kPingIntervalMost);

  std::optional<AgentEvent> next_event() { return events_.pop(); }

  // Only after Welcomed. The claim: not 0, not one that was unregistered in this session; one that is in use replaces
  // what it stood for.
  void register_service(const wire::Register& request);
  // These and the above do nothing once the session has ended, and these before it is welcomed.
  void unregister(std::uint32_t claim, Reason reason);
  // A candidate under a number that is in use replaces what it stood for. At most kMaxCandidates at a time.
  void offer(const wire::EndpointCandidate& candidate);
  void withdraw(std::uint32_t candidate, Reason reason);
  bool may_renew() const { return active() && (features_ & wire::kFeatureRenewal) != 0; }
  // Answered by Renewed; asked again, as one does who waited in vain, by the next one. Nothing is sent where
  // may_renew() says no.
  void renew(Bytes csr);

 private:
  void push(SharedEvent event) override;
  void on_message(wire::ControlMessage& message, TimePoint now) override;
  void on_open_late() override;
  void on_welcome(wire::Welcome& welcome, TimePoint now);
  void on_refused(wire::Refused& refused);
  void on_registered(wire::Registered& message);
  bool offers(std::uint32_t candidate) const;
  void on_nonce(const wire::VerifyNonce& nonce);
  void on_verified(wire::Verified& verified);
  void on_renewed(wire::Renewed& answer);
  bool drop_claim(std::uint32_t claim);

  Duration ping_interval_;
  EventQueue<AgentEvent> events_;
  std::vector<std::uint32_t> candidates_;  // offered
  std::vector<std::uint32_t> claims_;      // asked for and neither refused nor withdrawn
  std::uint64_t features_ = 0;             // of the welcome
  bool awaits_renewal_ = false;
};

}  // namespace fairlead::core
