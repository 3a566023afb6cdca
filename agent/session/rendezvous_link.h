#pragma once
// The agent's link to one configured rendezvous: dials it, opens a session, keeps it, and comes back after a loss.
// Never gives up while it is active. One loop; owned by the agent. The parts that it drives: SessionDial (who
// answers), net::SessionDriver (bytes and time of a session), Registrations, CandidateOffers and Proofs (what the
// session stands for), SessionChannels (what it carries), RetryPlan (when again).
//
//   standby --activate()--> dialing --handshake--> opening (hello) --welcome--> up
//      ^                    ^     \___________________|_________________________|
//      |                    |                         v any failure
//      +----rest()----------+--------------------- waiting
#include <memory>
#include <optional>

#include "agent/session/leftovers.h"
#include "agent/session/proofs.h"
#include "agent/session/registrations.h"
#include "agent/session/renewal_line.h"
#include "agent/session/retry_plan.h"
#include "agent/session/session_dial.h"
#include "common/net/session_driver.h"

namespace fairlead::agent {

class RendezvousLink;

// What a link needs of its agent. Contexts may be replaced (a new identity), at the same place.
class LinkOwner {
 public:
  virtual ~LinkOwner() = default;
  virtual tls::TlsClientContext& session_context() = 0;
  virtual tls::TlsClientContext& verify_context() = 0;  // of proofs
  virtual wire::Hello next_hello() = 0;
  virtual std::vector<nat::Candidate> candidates() = 0;
  virtual Leftovers& leftovers() = 0;
  // True when another link already has a session with this very instance.
  virtual bool is_duplicate(const RendezvousLink& link, const wire::InstanceId& instance) = 0;
  // How a candidate stands with this rendezvous; code empty: reachable and published.
  virtual void on_candidate_judged(RendezvousLink& link, std::uint32_t number, const std::string& code) = 0;
  virtual void on_renewal_answer(RendezvousLink& link, const wire::Renewed& answer) = 0;  // to ask_renewal()
  virtual void on_link_changed(RendezvousLink& link) = 0;  // a service or the session changed its state
  // An attempt failed; another configured server may take this one's place. The last thing the link does in its turn.
  virtual void on_link_failed(RendezvousLink& link) = 0;
};

class RendezvousLink final : public net::SessionDriverOwner, public RenewalLine {
 public:
  enum class State {
    standby,  // another server has our place
    waiting,  // an attempt failed: until the next one
    dialing,  // name, TCP, TLS
    opening,  // our hello is out
    up,       // welcomed
  };

  RendezvousLink(AgentTools& tools, LinkOwner& owner, HostPort server);
  ~RendezvousLink() override;

  void activate();
  void rest();                                                // to standby
  void offer(const std::vector<nat::Candidate>& candidates);  // all that there are now
  void keep_alive(Duration idle) {                            // of live relays
    if (channels_) channels_->keep_alive(idle);
  }
  void check_path();        // the network changed: is the session alive? waiting: try at once
  void renew();             // the identity changed: a new session takes the place of this one
  void services_changed();  // of tools.config: the session that stands is told what differs
  bool may_renew() const override { return state_ == State::up && session_->may_renew(); }
  void ask_renewal(Bytes csr) override;
  void drain(Duration within);  // this agent stops
  void close(Reason reason);

  State state() const { return state_; }
  std::string_view state_name() const;  // for status
  bool resumed() const { return driver_ && driver_->stream().engine().resumed(); }
  // Under which services may also be called: web.home.DOMAIN.
  const std::vector<std::string>& domains() const { return domains_; }
  const SocketAddress& address() const { return address_; }  // of the latest session
  const HostPort& server() const override { return server_; }
  WallTime since() const { return since_; }
  const std::optional<wire::InstanceId>& instance() const { return instance_; }
  const std::vector<ServiceState>& services() const { return registrations_.states(); }
  const SessionChannels* channels() const { return channels_.get(); }
  const CandidateOffers& offers() const { return offers_; }
  const std::optional<SocketAddress>& seen_as() const { return seen_as_; }
  // Our end of the session's connection: where it left this host.
  std::optional<SocketAddress> local() const;
  const std::optional<Error>& last_error() const { return last_error_; }

 private:
  void on_session_events() override;
  void on_session_over(const Error& how) override;

  void enter(State next);
  void dial();
  void on_opened(Result<SessionDial::Opened> opened);
  void on_event(core::agent_event::Welcomed& event);
  void on_event(core::agent_event::ServiceRegistered& event);
  void on_event(core::agent_event::ServiceRefused& event);
  void on_event(core::agent_event::SessionRefused& event);
  void on_event(core::agent_event::OpenChannels& event) { channels_->open(event.count); }
  void on_event(core::agent_event::PoolSizeChanged& /*event*/) {}  // asks come one by one
  void on_event(core::agent_event::Draining& event);
  void on_event(core::agent_event::RttMeasured& /*event*/) {}
  void on_event(core::agent_event::ProbeAnswered& /*event*/) { owner_.on_link_changed(*this); }  // its address stands
  void on_event(core::agent_event::NonceToProve& event);
  void on_event(core::agent_event::CandidateJudged& event);
  void on_event(core::agent_event::RelayEnded& event) {
    channels_->on_relay_ended_there(event.connection, event.reason);
  }
  void on_event(core::agent_event::Renewed& event) { owner_.on_renewal_answer(*this, event.answer); }
  void on_event(core::agent_event::Failed& event);
  void tell_ended(const wire::ConnectionId& connection, Reason reason);
  bool identity_ended();
  void date_log_lines();
  void open_session(const wire::Welcome& welcome);
  SocketAddress data_address(const wire::Welcome& welcome);
  tls::ServerExpectation expected_server();
  void settle();
  void arm(TimePoint due);
  void arm_for_services();
  void on_timer();
  void drop_session(Reason reason);
  void lost(Error error, std::optional<Duration> asked = std::nullopt);
  void log_lost(const Error& error, bool was_up, Duration wait);
  TimePoint now() const { return tools_.loop.now(); }

  AgentTools& tools_;
  LinkOwner& owner_;
  const HostPort server_;
  State state_ = State::standby;
  WallTime since_{};
  core::AddressMemory memory_;                  // which of its addresses failed lately
  std::unique_ptr<SessionDial> dial_;           // while dialing
  std::vector<SocketAddress> named_;            // addresses that its name led to
  SocketAddress address_;                       // of the latest session
  std::optional<core::AgentSession> session_;   // opening, up
  std::unique_ptr<net::SessionDriver> driver_;  // of session_
  std::optional<wire::InstanceId> instance_;    // up
  std::unique_ptr<SessionChannels> channels_;   // up
  std::optional<SocketAddress> seen_as_;        // up: by the server
  std::vector<std::string> domains_;
  Registrations registrations_;
  CandidateOffers offers_;
  ServerAddresses servers_;
  Proofs proofs_;
  Bytes saved_tls_session_;  // of the last session, to resume
  RetryPlan retry_;
  Recurrence failures_;
  std::optional<Error> last_error_;
  std::optional<Error> failure_;  // told by the session; acted on when its last words are sent
  std::optional<Duration> retry_after_;
  core::TimerEntry timer_;  // waiting: the next attempt; up: services that are due
};

}  // namespace fairlead::agent
