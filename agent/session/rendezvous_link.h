#pragma once
// The agent's link to one configured rendezvous: finds it, connects, opens a session, keeps it, and comes back after a
// loss. Never gives up while it is active. One loop; owned by the agent.
//
//   standby --activate()--> waiting --> resolving --> connecting --> opening (TLS, hello) --welcome--> up
//                              ^                                                                        |
//                              +---------------- any failure, with full jitter -------------------------+
#include <memory>
#include <optional>

#include "agent/resource/device_clock.h"
#include "agent/session/candidate_offers.h"
#include "agent/session/proof_connection.h"
#include "agent/session/session_channels.h"
#include "common/base/backoff.h"
#include "common/core/agent_session.h"
#include "common/core/token_bucket.h"
#include "common/net/resolver.h"
#include "common/net/tls_stream.h"

namespace fairlead::agent {

// How one service stands with one rendezvous.
struct ServiceState {
  enum class Kind { idle, asked, registered, refused } kind = Kind::idle;
  std::string name;                  // SERVICE.CLUSTER, once registered
  std::string address;               // where mesh clients find it
  std::vector<std::string> sources;  // CIDRs that may connect
  std::string reason;                // code, when refused
  std::string detail;
  TimePoint retry_at;  // when refused
  WallTime since{};
};

class RendezvousLink;

class LinkOwner {
 public:
  virtual ~LinkOwner() = default;
  virtual tls::TlsClientContext& tls_context() = 0;
  virtual wire::Hello next_hello() = 0;
  virtual WallTime wall_now() = 0;
  // By which the certificate of this server is judged.
  virtual tls::ClockReading time_for(const HostPort& server) = 0;
  virtual void on_dates_refused(const HostPort& server) = 0;  // it was judged as ended or not begun
  // `server_until`: when the certificate of who says so ends.
  virtual void on_server_time(const HostPort& server, WallTime server_time, WallTime server_until) = 0;
  // True when another link already has a session with this very instance.
  virtual bool is_duplicate(const RendezvousLink& link, const wire::InstanceId& instance) = 0;
  virtual tls::TlsClientContext& verify_context() = 0;
  virtual std::vector<nat::Candidate> candidates() = 0;
  // How a candidate stands with this rendezvous; code empty: reachable and published.
  virtual void on_candidate_judged(RendezvousLink& link, std::uint32_t number, const std::string& code) = 0;
  virtual void on_link_changed(RendezvousLink& link) = 0;  // a service or the session changed its state
  // An attempt failed; another configured server may take this one's place. The last thing the link does in its turn.
  virtual void on_link_failed(RendezvousLink& link) = 0;
  // Of an ended session, with live relays; keep them until on_empty, which they were given, is called.
  virtual void keep_until_done(std::unique_ptr<SessionChannels> channels) = 0;
  virtual void on_leftovers_done() = 0;  // some channels that are kept have become empty
};

class RendezvousLink final : public net::TlsStreamOwner, public net::PollTarget {
 public:
  enum class State { standby, waiting, resolving, connecting, opening, up };

  RendezvousLink(AgentTools& tools, LinkOwner& owner, HostPort server);

  void activate();
  void rest();                                                // to standby
  void offer(const std::vector<nat::Candidate>& candidates);  // all that there are now
  void keep_alive(Duration idle) {                            // of live relays
    if (channels_) channels_->keep_alive(idle);
  }
  void check_path();            // the network changed: is the session alive? waiting: try at once
  void renew();                 // the identity changed: a new session takes the place of this one
  void services_changed();      // to be followed by renew()
  void drain(Duration within);  // this agent stops
  void close(Reason reason);

  State state() const { return state_; }
  bool resumed() const { return stream_ && stream_->handshake_done() && stream_->engine().resumed(); }
  // Under which services may also be called: web.home.DOMAIN.
  const std::vector<std::string>& domains() const { return domains_; }
  const SocketAddress& address() const { return address_; }  // of the latest attempt
  const HostPort& server() const { return server_; }
  WallTime since() const { return since_; }
  const std::optional<wire::InstanceId>& instance() const { return instance_; }
  const std::vector<ServiceState>& services() const { return services_; }
  const SessionChannels* channels() const { return channels_.get(); }
  const CandidateOffers& offers() const { return offers_; }
  const std::optional<SocketAddress>& seen_as() const { return seen_as_; }
  const std::optional<Error>& last_error() const { return last_error_; }

 private:
  void on_tls_progress(net::TlsStream& stream) override;
  void on_ready(net::Readiness ready) override;

  void enter(State next);
  void resolve();
  void connect_next();
  void on_connected();
  void handle_events();
  void on_event(core::agent_event::Welcomed& event);
  void on_event(core::agent_event::ServiceRegistered& event);
  void on_event(core::agent_event::ServiceRefused& event);
  void on_event(core::agent_event::SessionRefused& event);
  void on_event(core::agent_event::OpenChannels& event);
  void on_event(core::agent_event::PoolSizeChanged& event);
  void on_event(core::agent_event::Draining& event);
  void on_event(core::agent_event::RttMeasured& event);
  void on_event(core::agent_event::ProbeAnswered& event);
  void on_event(core::agent_event::NonceToProve& event);
  void on_event(core::agent_event::CandidateJudged& event);
  void on_event(core::agent_event::RelayEnded& event);
  void on_event(core::agent_event::Failed& event);
  void tell_ended(const wire::ConnectionId& connection, Reason reason);
  tls::ServerExpectation expected_server();
  void register_services();
  void prove(const nat::Candidate& candidate, const wire::VerifyNonce& nonce);
  void prove_later(const wire::VerifyNonce& nonce);
  void prove_waiting();
  std::optional<SocketAddress> server_of_family(const IpAddress& like) const;
  void drop_proofs();
  void settle();
  void pump();
  void arm_timer();
  void on_timer();
  void drop_session(Reason reason);
  void lost(Error error, std::optional<Duration> not_before = std::nullopt);
  TimePoint now() const { return tools_.loop.now(); }

  AgentTools& tools_;
  LinkOwner& owner_;
  const HostPort server_;
  State state_ = State::standby;
  WallTime since_{};
  net::Resolver resolver_;
  std::vector<SocketAddress> addresses_;  // still to be tried, the next last
  SocketAddress address_;                 // of this attempt
  net::PolledFd connecting_;
  std::unique_ptr<net::TlsStream> stream_;
  std::optional<core::AgentSession> session_;
  std::optional<wire::InstanceId> instance_;
  std::unique_ptr<SessionChannels> channels_;
  std::vector<ServiceState> services_;
  CandidateOffers offers_;
  std::vector<SocketAddress> server_addresses_;  // all that the server's name led to, and those that it says it has
  std::optional<SocketAddress> seen_as_;         // by the server, in this session
  std::vector<std::unique_ptr<ProofConnection>> proofs_;
  std::vector<wire::VerifyNonce> unproved_;  // no address of the server fits them yet, or there was no room
  std::vector<std::string> domains_;
  Bytes saved_tls_session_;  // of the last session, to resume
  core::TokenBucket proof_rate_;
  Backoff backoff_;
  TimePoint up_since_;
  bool server_restarting_ = false;  // it refused or said that it drains: it will be back soon
  std::optional<Error> last_error_;
  std::optional<Error> failure_;  // told by the session; acted on when its last words are sent
  std::optional<Duration> retry_after_;
  TimePoint deadline_;  // of this state
  core::TimerEntry timer_;
};

std::string_view link_state_name(RendezvousLink::State state);

}  // namespace fairlead::agent
