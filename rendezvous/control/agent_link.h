#pragma once
// The connection of one agent at the rendezvous: TLS, then the session on it. Lives on one control thread, which owns
// it; the registry and the relay workers reach it by its number (LinkRef) through that thread's loop.
//
//   handshake -> hello -> registry decides -> welcome -> registrations, pings, channels to open -> close
#include <memory>
#include <optional>
#include <set>

#include "common/core/server_session.h"
#include "common/net/tls_stream.h"
#include "rendezvous/control/registry_owner.h"
#include "rendezvous/relay/worker.h"
#include "rendezvous/verify/verifier.h"

namespace fairlead::rendezvous {

class AgentLink;

// What a link needs of its control thread.
class LinkHost {
 public:
  virtual ~LinkHost() = default;
  virtual net::Loop& loop() = 0;
  virtual Shared& shared() = 0;
  virtual const Limits& limits() = 0;
  virtual Rng& secret_rng() = 0;
  virtual RegistryOwner& registry() = 0;
  virtual ControlThread& thread() = 0;
  virtual net::Poller& poller() = 0;
  virtual tls::TlsClientContext& verify_context() = 0;
  virtual std::optional<SocketAddress> instance_address() const = 0;
  // The handshake is over, well or not: the next one may be admitted.
  virtual void on_handshake_over() = 0;
  // The last thing a link does.
  virtual void on_link_ended(AgentLink& link) = 0;
};

class AgentLink final : public net::TlsStreamOwner, public VerifierOwner {
 public:
  AgentLink(LinkHost& host, net::Poller& poller, ControlInbound inbound, std::unique_ptr<tls::TlsEngine> engine,
            GaugeToken handshake);
  ~AgentLink() override;

  void start();

  // From the registry and the workers, on the link's thread.
  void on_admitted();
  void on_refused(Reason reason, Duration retry_after, const std::string& detail);
  void on_registered(wire::Registered message);
  void on_claim_refused(std::uint32_t claim, Reason reason, Duration retry_after, const std::string& detail);
  void on_demand();
  void probe(Duration within);
  void drain(Duration within);
  void close(Reason reason, const std::string& detail);

  std::uint64_t number = 0;  // the thread's

 private:
  enum class State {
    handshaking,
    proving,   // not a session: an agent shows that another of its addresses is its own
    deciding,  // session open, not yet admitted
    admitted,
    flushing,  // over; the last words are being sent
    ended,
  };
  enum class Offers : std::uint8_t { ignored, taken };

  void on_tls_progress(net::TlsStream& stream) override;
  // VerifierOwner
  tls::TlsClientContext& verify_context() override { return host_.verify_context(); }
  void on_judged(std::uint32_t candidate, std::string code) override;
  void on_proof_wanted(const wire::VerifyNonce& nonce) override;
  ProofDirectory::OnProof proof_hook() override;
  void on_direct_changed(std::vector<DirectEndpoint> endpoints) override;

  void on_handshake_done();
  void read_proof();
  void read_plaintext();
  void handle_events();
  void on_event(core::server_event::HelloReceived& event);
  void on_event(core::server_event::RegisterRequested& event);
  void on_event(core::server_event::ClaimRefused& event);
  void on_event(core::server_event::Unregistered& event);
  void on_event(core::server_event::CandidateOffered& event);
  void on_event(core::server_event::CandidateWithdrawn& event);
  void on_event(core::server_event::RttMeasured& event);
  void on_event(core::server_event::ProbeAnswered& event);
  void on_event(core::server_event::Draining& event);
  void on_event(core::server_event::Failed& event);
  void pump();
  void settle();
  void settle_soon();
  void on_timer();
  void arm_timer();
  void stop_verifying();
  void release_session();
  void end(Reason reason, const std::string& detail);
  TimePoint now() { return host_.loop().now(); }
  LinkRef ref() { return {&host_.thread(), number}; }

  LinkHost& host_;
  SocketAddress peer_;
  Bytes first_bytes_;
  State state_ = State::handshaking;
  Offers offers_ = Offers::ignored;  // taken while admitted, until the agent drains
  TimePoint deadline_;               // of the handshake, of the certificate, or of the last flush
  GaugeToken handshake_;
  GaugeToken place_;  // in gauges.sessions
  std::unique_ptr<net::TlsStream> stream_;
  std::optional<core::ServerSession> session_;
  std::shared_ptr<AgentCarrier> agent_;         // from hello on
  std::unique_ptr<EndpointVerifier> verifier_;  // from the first offer that is taken
  core::MessageStream proof_;                   // while proving
  std::set<std::uint32_t> claims_;
  std::optional<Error> end_reason_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::rendezvous
