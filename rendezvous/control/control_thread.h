#pragma once
// A thread that ends TLS for what ends at the rendezvous. A mutual handshake blocks for milliseconds, so none ever runs
// on a relay worker; a bounded number is under way (TlsDoor), the others wait unread. What comes through a door belongs
// to the room of its ALPN: sessions (AgentLink), proofs (ProofReceiver), devices that join (JoinReceiver).
#include <functional>
#include <memory>

#include "common/crypto/system_rng.h"
#include "common/net/thread.h"
#include "rendezvous/control/agent_link.h"
#include "rendezvous/control/control_shared.h"
#include "rendezvous/control/join_receiver.h"
#include "rendezvous/control/proof_receiver.h"
#include "rendezvous/join/join_thread.h"
#include "rendezvous/relay/numbered.h"
#include "rendezvous/relay/shared.h"

namespace fairlead::rendezvous {

struct ControlOptions {
  std::shared_ptr<const tls::Credentials> credentials;
  std::shared_ptr<tls::TicketKeys> ticket_keys;
  std::optional<SocketAddress> instance_address;
};

class ControlThread final : public SessionHome,
                            public HandshakeTaker,
                            public LinkOwner,
                            public DoorOwner,
                            public ProofOwner,
                            public JoinOwner {
 public:
  ControlThread(Shared& shared, ControlShared& control, RegistryDesk& registry, JoinDesk& join_desk,
                const Limits& limits, ControlOptions options);
  ~ControlThread() override;

  Result<void> start();  // io_failed
  void join();
  // Any thread.
  void post(Task task) { loop_.post(std::move(task)); }
  void tell(std::uint64_t number, std::function<void(SessionEnd&)> message) override;

  void begin(ControlInbound inbound, HandshakePlace place) override;
  void give_up(HandshakePlace::Ticket ticket, Reason reason) override;

  // The rest: on this thread, by post().
  void apply(const Limits& limits) { limits_ = limits; }
  // For handshakes from now on; sessions that stand are kept.
  void replace_credentials(std::shared_ptr<const tls::Credentials> credentials);
  // Tells every agent to move elsewhere, each at its own random moment of `within`.
  void drain(Duration within);
  // The wall clock may have jumped: sessions whose certificate has ended meanwhile end now.
  void look_at_clock();
  void shut_down();

 private:
  void on_link_ended(AgentLink& link) override;
  void on_door_done(TlsDoor& door) override;
  void on_proof_over(ProofReceiver& receiver) override;
  void on_join_asked(JoinReceiver& receiver, wire::JoinQuestion question) override;
  void on_join_over(JoinReceiver& receiver) override;

  void open_door(ControlInbound inbound, HandshakePlace place);
  std::vector<Room> make_rooms();
  tls::TlsServerContext server_context(tls::ClientCertificate client) const;
  tls::TlsClientContext verify_context() const;
  static void on_drain_turn(void* self);

  Limits limits_;
  ControlOptions options_;
  JoinDesk& join_desk_;
  crypto::SystemRng rng_;
  net::Loop loop_;
  net::Poller poller_;
  WorkerDesk channels_;
  const WelcomeFacts facts_;
  const std::vector<Room> rooms_;
  tls::TlsServerContext context_;
  tls::TlsServerContext stranger_context_;  // of rooms that ask for no certificate
  tls::TlsClientContext verify_context_;    // of dial-backs
  const DoorTools door_tools_;
  const ProofTools proof_tools_;
  const JoinTools join_tools_;
  const LinkTools link_tools_;
  Numbered<TlsDoor> doors_;
  Numbered<ProofReceiver> proofs_;
  Numbered<JoinReceiver> joins_;
  Numbered<AgentLink> links_;
  std::vector<std::pair<TimePoint, std::uint64_t>> drain_plan_;  // by time, the next last
  TimePoint drain_until_;
  core::TimerEntry drain_timer_;
  std::thread thread_;
};

}  // namespace fairlead::rendezvous
