#include "rendezvous/control/agent_link.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/core/expiry.h"
#include "common/net/socket.h"
#include "common/wire/session_id.h"

namespace fairlead::rendezvous {
namespace {

std::uint32_t in_ms(Duration time) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

}  // namespace

AgentLink::AgentLink(const LinkTools& tools, Guest guest)
    : tools_(tools),
      peer_(guest.peer),
      session_(tools.loop.now()),
      driver_(tools.loop, std::move(guest.stream), session_, *this),
      handshake_(std::move(guest.place)),
      timer_([](void* self) { static_cast<AgentLink*>(self)->on_timer(); }, this) {}

AgentLink::~AgentLink() {
  release_session();
}

void AgentLink::start() {
  note_resumption();
  next_look_ = now() + core::until_asked_again(identity().not_after, tools_.wall_now());
  arm_timer();
  driver_.start();
}

void AgentLink::enter(State next) {
  switch (state_) {
    case State::deciding:
      CHECK(next != State::deciding);
      break;
    case State::admitted:
      CHECK(next == State::flushing || next == State::ended);
      break;
    case State::flushing:
      CHECK(next == State::ended);
      break;
    case State::ended:
      CHECK(false);
  }
  state_ = next;
}

void AgentLink::note_resumption() const {
  const auto refused = driver_.stream().engine().resumption_refused();
  if (refused == tls::ResumptionRefused::none) return;
  tools_.counters.refused.add(Reason::resumption_refused);
  log(Level::info, "resumption refused",
      {{"peer", peer_.to_string()},
       {"reason", reason_code(Reason::resumption_refused)},
       {"detail", tls::resumption_refused_text(refused)}});
}

void AgentLink::on_session_events() {
  while (state_ != State::ended) {
    auto event = session_.next_event();
    if (!event) return;
    std::visit([this](auto& each) { on_event(each); }, *event);
  }
}

void AgentLink::on_event(core::server_event::HelloReceived& event) {
  if (const Duration left = tools_.pauses.left(identity().spiffe_id, now()); left > 0s) {
    return on_refused(Reason::refusals_max, left, "its last session asked too often for what it was refused");
  }
  auto place = tools_.places.take();
  handshake_ = HandshakePlace();
  if (!place) return on_refused(Reason::server_full, 30s, "the server has no room for another session");
  place_ = std::move(*place);
  AgentCarrier::Description description;
  description.id = wire::draw_session_id(tools_.rng);
  tools_.rng.fill(description.key);
  description.spiffe_id = identity().spiffe_id;
  description.software = event.hello.software;
  description.peer = peer_;
  description.since = tools_.wall_now();
  description.pool = {event.hello.pool_min, event.hello.pool_max};
  description.relays_max = tools_.limits.relays_per_agent;
  agent_ = std::make_shared<AgentCarrier>(
      description, now(), [link = ref()] { link.tell([](SessionEnd& self) { self.on_demand(); }); },
      [link = ref()] { link.tell([](SessionEnd& self) { self.probe(core::kUnansweredProbe); }); },
      [link = ref()](const wire::ConnectionId& connection, Reason reason) {
        link.tell([connection, reason](SessionEnd& self) { self.on_relay_ended(connection, reason); });
      });
  tools_.registry.post_hello(ref(), SessionClaim{.spiffe_id = description.spiffe_id,
                                                 .endpoint = event.hello.endpoint,
                                                 .cluster = event.hello.cluster,
                                                 .boot_id = event.hello.boot_id,
                                                 .counter = event.hello.counter,
                                                 .session = agent_,
                                                 .about = {description.software, description.peer}});
}

wire::Welcome AgentLink::welcome_message() const {
  wire::Welcome welcome;
  welcome.features = tools_.joins.signs() ? wire::kFeatureRenewal : 0;
  welcome.instance_id = tools_.facts.instance;
  welcome.session_id = agent_->description().id;
  welcome.key = agent_->description().key;
  if (tools_.facts.instance_address) welcome.data_addresses.push_back(*tools_.facts.instance_address);
  welcome.address_seen = peer_;
  welcome.server_time = tools_.wall_now().time_since_epoch().count();
  welcome.ping_interval_ms = in_ms(tools_.limits.ping_interval);
  welcome.answer_timeout_ms = in_ms(tools_.limits.answer_timeout);
  const auto& domains = tools_.facts.domains;
  const auto said = static_cast<std::ptrdiff_t>(std::min(domains.size(), wire::kMaxListEntries));
  welcome.domains.assign(domains.begin(), domains.begin() + said);
  welcome.services_max = static_cast<std::uint16_t>(tools_.limits.services_per_agent);
  return welcome;
}

void AgentLink::on_admitted() {
  if (state_ != State::deciding || !agent_) return;
  enter(State::admitted);
  tools_.sessions.add(agent_->description().id, agent_);
  session_.welcome(welcome_message(), now());
  offers_ = Offers::taken;
  log(Level::info, "session opened",
      {{"agent", agent_->description().spiffe_id},
       {"peer", peer_.to_string()},
       {"version", agent_->description().software},
       {"resumed", driver_.stream().engine().resumed() ? "yes" : "no"}});
  on_demand();
}

void AgentLink::on_refused(Reason reason, Duration retry_after, const std::string& detail) {
  if (state_ == State::flushing || state_ == State::ended) return;
  // A session that another one replaces has ended in order; the rest was turned away.
  (state_ == State::admitted ? tools_.counters.closed : tools_.counters.refused).add(reason);
  log(reason == Reason::superseded ? Level::info : Level::warn, "session refused",
      {{"agent", identity().spiffe_id},
       {"peer", peer_.to_string()},
       {"reason", reason_code(reason)},
       {"detail", detail}});
  session_.refuse_session(reason, std::chrono::ceil<std::chrono::seconds>(retry_after), detail);
  end_reason_ = Error{reason, detail};
  release_session();
  enter(State::flushing);
  driver_.settle();
}

void AgentLink::on_event(core::server_event::RegisterRequested& event) {
  claims_[event.request.claim] = event.request.service;
  tools_.registry.post_register(ref(), agent_, std::move(event.request));
}

void AgentLink::on_event(core::server_event::ClaimRefused& event) {
  tools_.counters.refused.add(event.reason);
  log(Level::warn, "registration refused",
      {{"agent", agent_->description().spiffe_id}, {"claim", event.claim}, {"reason", reason_code(event.reason)}});
}

void AgentLink::on_event(core::server_event::Unregistered& event) {
  log(Level::info, "service withdrawn by its agent",
      {{"agent", identity().spiffe_id}, {"service", claims_[event.claim]}, {"reason", event.code}});
  claims_.erase(event.claim);
  tools_.registry.post_unregister(agent_, event.claim);
}

void AgentLink::on_event(core::server_event::CandidateOffered& event) {
  if (offers_ == Offers::ignored) return;
  if (!verifier_) {
    const auto local = net::local_address(driver_.stream().fd()).value_or(SocketAddress{});
    verifier_ = std::make_unique<EndpointVerifier>(*this, tools_.verify, agent_, local.ip);
  }
  verifier_->offer(event.candidate);
}

void AgentLink::on_event(core::server_event::CandidateWithdrawn& event) {
  if (verifier_) verifier_->withdraw(event.candidate);
}

// The verifier may be in the middle of its own work, and a session that ends takes it along.
void AgentLink::on_judged(std::uint32_t candidate, std::string code) {
  session_.verified(candidate, std::move(code));
  driver_.settle_soon();
}

void AgentLink::on_proof_wanted(const wire::VerifyNonce& nonce) {
  session_.demand_proof(nonce);
  driver_.settle_soon();
}

ProofDirectory::OnProof AgentLink::proof_hook() {
  return [link = ref()](const wire::Nonce& nonce, const IpAddress& from) {
    link.tell([nonce, from](SessionEnd& self) { self.on_proof(nonce, from); });
  };
}

void AgentLink::on_proof(const wire::Nonce& nonce, const IpAddress& from) {
  if (verifier_) verifier_->on_proof(nonce, from);
}

void AgentLink::on_direct_changed(std::vector<DirectEndpoint> endpoints) {
  tools_.registry.post_direct(agent_, std::move(endpoints));
}

void AgentLink::on_event(core::server_event::RttMeasured& event) {
  if (agent_) agent_->set_rtt(event.rtt);
}

void AgentLink::on_event(core::server_event::ProbeAnswered& /*event*/) {
  if (agent_) tools_.registry.post_probe_answered(agent_);
}

// The agent stops: it takes no new connections, and its live ones go on.
void AgentLink::on_event(core::server_event::Draining& /*event*/) {
  if (!agent_) return;
  stop_verifying();
  tools_.registry.post_direct(agent_, {});
  for (const auto& [claim, service] : claims_) tools_.registry.post_unregister(agent_, claim);
  claims_.clear();
}

// Judged and signed on a thread that may wait for the disk; the session goes on meanwhile.
void AgentLink::on_event(core::server_event::RenewalRequested& event) {
  tools_.joins.post_renewal({identity().spiffe_id, std::move(event.csr)}, peer_, [link = ref()](wire::Renewed answer) {
    link.tell([answer = std::move(answer)](SessionEnd& self) { self.on_renewed(answer); });
  });
}

void AgentLink::on_renewed(const wire::Renewed& answer) {
  if (state_ != State::admitted) return;
  if (const auto reason = find_reason(answer.code)) tools_.counters.refused.add(*reason);
  session_.renewed(answer);
  driver_.settle();
}

void AgentLink::on_event(core::server_event::RelayEnded& event) {
  if (agent_) agent_->put_word(event.connection, event.reason, now());
}

void AgentLink::on_relay_ended(const wire::ConnectionId& connection, Reason reason) {
  if (state_ != State::admitted) return;
  session_.relay_ended(connection, reason);
  driver_.settle();
}

void AgentLink::on_event(core::server_event::Failed& event) {
  if (!end_reason_) end_reason_ = Error{event.reason, event.detail};
  if (state_ == State::flushing) return;
  if (event.reason == Reason::refusals_max) tools_.pauses.pause(identity().spiffe_id, now() + core::kRefusalsPause);
  tools_.counters.closed.add(event.reason);
  release_session();
  enter(State::flushing);
}

void AgentLink::on_registered(wire::Registered message) {
  if (state_ != State::admitted) return;
  log(Level::info, "service registered",
      {{"agent", agent_->description().spiffe_id}, {"service", message.service}, {"peer", peer_.to_string()}});
  message.pool_size = agent_->pool_size();
  session_.registered(message);
  driver_.settle();
}

void AgentLink::on_claim_refused(std::uint32_t claim, Reason reason, Duration retry_after, const std::string& detail) {
  if (state_ != State::admitted) return;
  tools_.counters.refused.add(reason);
  log(Level::warn, "registration refused",
      {{"agent", identity().spiffe_id},
       {"service", claims_[claim]},
       {"reason", reason_code(reason)},
       {"detail", detail}});
  claims_.erase(claim);
  session_.refuse(claim, reason, std::chrono::ceil<std::chrono::seconds>(retry_after), detail);
  driver_.settle();
}

void AgentLink::on_demand() {
  if (state_ != State::admitted) return;
  if (const auto count = agent_->take_ask(now()); count > 0) session_.open_channels(count);
  for (const WorkerItem& item : agent_->take_surplus(now())) {
    tools_.channels.close_channel(item, Reason::channel_retired);
  }
  arm_timer();
  driver_.settle();
}

void AgentLink::probe(Duration within) {
  if (state_ != State::admitted) return;
  session_.probe(now(), now() + within);
  driver_.settle();
}

void AgentLink::drain(Duration within) {
  if (state_ != State::admitted) return;
  session_.drain(within);
  driver_.settle();
}

void AgentLink::close(Reason reason, const std::string& detail) {
  if (state_ != State::ended) end({reason, detail});
}

void AgentLink::arm_timer() {
  TimePoint due = next_look_;
  if (state_ == State::admitted) {
    if (const auto ask = agent_->ask_deadline()) due = std::min(due, *ask);
  }
  tools_.loop.timers().arm(timer_, due);
}

// The identity must not be believed after the certificate's end: the session ends with it.
void AgentLink::look_at_clock() {
  const WallTime time = tools_.wall_now();
  if (time >= identity().not_after) {
    return on_refused(Reason::session_certificate_ended, 0s, "the agent's certificate has expired");
  }
  next_look_ = now() + core::until_asked_again(identity().not_after, time);
}

void AgentLink::on_timer() {
  if (now() >= next_look_) look_at_clock();
  if (state_ == State::admitted) return on_demand();
  if (state_ == State::deciding) arm_timer();
}

void AgentLink::stop_verifying() {
  offers_ = Offers::ignored;
  verifier_.reset();
}

// Nothing new reaches the agent from here on; live relays stay.
void AgentLink::release_session() {
  if (!agent_) return;
  stop_verifying();
  tools_.sessions.remove(agent_->description().id);
  const auto left = agent_->close();
  for (const WorkerItem& item : left.channels) tools_.channels.close_channel(item, Reason::session_ended);
  for (const WorkerItem& item : left.waiters) tools_.channels.session_ended(item);
  tools_.registry.post_closed(std::move(agent_));
  agent_.reset();
}

void AgentLink::on_session_over(const Error& how) {
  end(how);
}

void AgentLink::end(const Error& how) {
  timer_.cancel();
  if (!end_reason_) {
    tools_.counters.closed.add(how.reason);
    end_reason_ = how;
  }
  log(Level::info, "session closed",
      {{"agent", identity().spiffe_id},
       {"peer", peer_.to_string()},
       {"reason", reason_code(end_reason_->reason)},
       {"detail", end_reason_->detail}});
  release_session();
  driver_.end();
  enter(State::ended);
  tools_.owner.on_link_ended(*this);
}

}  // namespace fairlead::rendezvous
