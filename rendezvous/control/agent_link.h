#pragma once
// The session of one agent at the rendezvous, from the end of its TLS handshake: the room of fairlead/1. Lives on one
// control thread, which owns it; the registry and the relay workers reach it by its number (LinkRef).
//
//   hello -> registry decides -> welcome -> registrations, pings, channels to open -> close
#include <map>
#include <memory>
#include <optional>

#include "common/base/gauge.h"
#include "common/core/server_session.h"
#include "common/net/session_driver.h"
#include "rendezvous/control/channel_desk.h"
#include "rendezvous/control/identity_pauses.h"
#include "rendezvous/control/registry_desk.h"
#include "rendezvous/control/tls_door.h"
#include "rendezvous/join/join_thread.h"
#include "rendezvous/relay/session_directory.h"
#include "rendezvous/verify/verifier.h"

namespace fairlead::rendezvous {

class AgentLink;

// What a welcome says that is the same for every session.
struct WelcomeFacts {
  wire::InstanceId instance{};
  std::optional<SocketAddress> instance_address;
  std::vector<std::string> domains;
};

class LinkOwner {
 public:
  virtual ~LinkOwner() = default;
  virtual void on_link_ended(AgentLink& link) = 0;  // the last thing a link does
};

// What links use of the rest of the server; of one control thread, and outlives its links.
struct LinkTools {
  net::Loop& loop;
  Rng& rng;  // of secrets
  const Limits& limits;
  const WelcomeFacts& facts;
  tls::WallClock wall_now;
  RegistryDesk& registry;
  JoinDesk& joins;
  ChannelDesk& channels;
  SessionDirectory& sessions;
  Gauge& places;
  Counters& counters;
  IdentityPauses& pauses;
  VerifyTools verify;
  SessionHome& home;
  LinkOwner& owner;
};

class AgentLink final : public SessionEnd, public net::SessionDriverOwner, public VerifierOwner {
 public:
  AgentLink(const LinkTools& tools, Guest guest);
  ~AgentLink() override;

  void start();  // once it has its number

  // SessionEnd: from the registry and the workers.
  void on_admitted() override;
  void on_refused(Reason reason, Duration retry_after, const std::string& detail) override;
  void on_registered(wire::Registered message) override;
  void on_claim_refused(std::uint32_t claim, Reason reason, Duration retry_after, const std::string& detail) override;
  void on_demand() override;
  void probe(Duration within) override;
  void on_relay_ended(const wire::ConnectionId& connection, Reason reason) override;
  void on_proof(const wire::Nonce& nonce, const IpAddress& from) override;
  void on_renewed(const wire::Renewed& answer) override;

  void drain(Duration within);
  void look_at_clock();  // at once: has the certificate ended?
  void close(Reason reason, const std::string& detail);
  HandshakePlace::Ticket ticket() const { return handshake_.ticket(); }  // 0 from hello on

  std::uint64_t number = 0;  // the thread's

 private:
  // deciding --> admitted --> flushing --> ended;  deciding --> flushing;  any --> ended
  enum class State {
    deciding,  // hello is awaited, or the registry's answer to it
    admitted,  // welcomed
    flushing,  // over; the last words are being sent
    ended,
  };
  enum class Offers : std::uint8_t { ignored, taken };

  // SessionDriverOwner
  void on_session_events() override;
  void on_session_over(const Error& how) override;
  // VerifierOwner
  void on_judged(std::uint32_t candidate, std::string code) override;
  void on_proof_wanted(const wire::VerifyNonce& nonce) override;
  ProofDirectory::OnProof proof_hook() override;
  void on_direct_changed(std::vector<DirectEndpoint> endpoints) override;

  void enter(State next);
  void note_resumption() const;
  void on_event(core::server_event::HelloReceived& event);
  void on_event(core::server_event::RegisterRequested& event);
  void on_event(core::server_event::ClaimRefused& event);
  void on_event(core::server_event::Unregistered& event);
  void on_event(core::server_event::CandidateOffered& event);
  void on_event(core::server_event::CandidateWithdrawn& event);
  void on_event(core::server_event::RttMeasured& event);
  void on_event(core::server_event::ProbeAnswered& event);
  void on_event(core::server_event::Draining& event);
  void on_event(core::server_event::RenewalRequested& event);
  void on_event(core::server_event::RelayEnded& event);
  void on_event(core::server_event::Failed& event);
  wire::Welcome welcome_message() const;
  void on_timer();
  void arm_timer();
  void stop_verifying();
  void release_session();
  void end(const Error& how);
  const tls::PeerIdentity& identity() const { return driver_.stream().engine().peer(); }
  TimePoint now() const { return tools_.loop.now(); }
  LinkRef ref() const { return {&tools_.home, number}; }

  const LinkTools& tools_;
  const SocketAddress peer_;
  State state_ = State::deciding;
  Offers offers_ = Offers::ignored;  // taken while admitted, until the agent drains
  core::ServerSession session_;
  net::SessionDriver driver_;
  TimePoint next_look_;                          // at the clock
  HandshakePlace handshake_;                     // until hello
  GaugeToken place_;                             // in tools_.places, from hello on
  std::shared_ptr<AgentCarrier> agent_;          // from hello on
  std::unique_ptr<EndpointVerifier> verifier_;   // from the first offer that is taken
  std::map<std::uint32_t, std::string> claims_;  // with their SERVICE
  std::optional<Error> end_reason_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::rendezvous
