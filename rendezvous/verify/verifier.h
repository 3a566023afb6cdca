#pragma once
// The addresses that one agent offers: proves, dials, judges and publishes them (candidate.h decides when). On the
// control thread of the agent's link, which owns it from the welcome to the end of the session.
#include <map>
#include <memory>

#include "common/base/gauge.h"
#include "common/base/source_gauge.h"
#include "common/core/message_stream.h"
#include "common/crypto/system_rng.h"
#include "rendezvous/record/counters.h"
#include "rendezvous/registry/direct_endpoint.h"
#include "rendezvous/relay/agent_carrier.h"
#include "rendezvous/setting/config.h"
#include "rendezvous/verify/dial_back.h"
#include "rendezvous/verify/verify_shared.h"

namespace fairlead::rendezvous {

// What verifiers use of the rest of the server; of one control thread, and outlives them.
struct VerifyTools {
  net::Poller& poller;
  tls::TlsClientContext& context;  // of full checks; its contents may be replaced between dials
  const Limits& limits;
  Gauge& dials;
  SourceGauge& dials_per_target;
  VerifyShared& shared;
  Counters& counters;
};

// Who hears what a verifier finds out: the agent's link.
class VerifierOwner {
 public:
  virtual ~VerifierOwner() = default;
  virtual void on_judged(std::uint32_t candidate, std::string code) = 0;  // empty: published
  virtual void on_proof_wanted(const wire::VerifyNonce& nonce) = 0;
  virtual ProofDirectory::OnProof proof_hook() = 0;  // leads back to on_proof(), from any thread
  virtual void on_direct_changed(std::vector<DirectEndpoint> endpoints) = 0;  // all of them
};

class EndpointVerifier {
 public:
  EndpointVerifier(VerifierOwner& owner, const VerifyTools& tools, std::shared_ptr<AgentCarrier> session,
                   IpAddress session_local);
  ~EndpointVerifier();

  void offer(const wire::EndpointCandidate& candidate);
  void withdraw(std::uint32_t candidate);
  // Somebody with this identity connected from `from` and showed `nonce`.
  void on_proof(const wire::Nonce& nonce, const IpAddress& from);

 private:
  struct Entry {
    Entry(Candidate made, WallTime since_when) : candidate(std::move(made)), since(since_when) {}
    Candidate candidate;
    WallTime since;
    std::optional<wire::Nonce> nonce;  // of the proof that is waited for
    std::unique_ptr<DialBack> dial;
    SourceToken target;  // until the verdict: when it is free says nothing of how it answered
  };
  using Entries = std::map<std::uint32_t, Entry>;

  Candidate judge_offer(const wire::EndpointCandidate& offered);
  void run();
  void begin(Entries::iterator at, VerifyDial kind);
  void on_dialed(std::uint32_t number, VerifyDial kind, bool reached);
  void tell(Entries::iterator at);
  void publish();
  void drop(Entries::iterator at);
  VerifyTiming timing() const { return {.probe = tools_.limits.verify_probe, .full = tools_.limits.verify_interval}; }
  TimePoint now() const { return tools_.poller.loop().now(); }

  VerifierOwner& owner_;
  const VerifyTools& tools_;
  const std::shared_ptr<AgentCarrier> session_;
  const IpAddress session_local_;
  crypto::SystemRng rng_;
  Entries entries_;
  std::vector<DirectEndpoint> published_;
  std::map<std::uint32_t, int> needed_;  // of withdrawn candidates that had come and gone
  std::vector<IpAddress> proved_;        // beside the one that the agent is seen from
  core::TimerEntry timer_;
};

}  // namespace fairlead::rendezvous
