#include "rendezvous/control/agent_link.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/net/socket.h"
#include "rendezvous/control/control_thread.h"

namespace fairlead::rendezvous {
namespace {
constexpr std::size_t kWriteChunk = 16 * 1024;  // one TLS record
constexpr Duration kLastFlush = 1s;             // for the words that say why a session ends
constexpr Duration kUserTimeout = 30s;          // a dead path breaks writes no later than this
}  // namespace

AgentLink::AgentLink(LinkHost& host, net::Poller& poller, ControlInbound inbound,
                     std::unique_ptr<tls::TlsEngine> engine, GaugeToken handshake)
    : host_(host),
      peer_(inbound.peer),
      first_bytes_(std::move(inbound.bytes)),
      deadline_(host.loop().now() + host.limits().handshake_timeout),
      handshake_(std::move(handshake)),
      timer_([](void* self) { static_cast<AgentLink*>(self)->on_timer(); }, this) {
  net::set_user_timeout(inbound.fd.get(), kUserTimeout);
  stream_ = std::make_unique<net::TlsStream>(poller, std::move(inbound.fd), std::move(engine), *this);
}

AgentLink::~AgentLink() {
  release_session();
}

void AgentLink::start() {
  arm_timer();
  const Bytes first = std::move(first_bytes_);
  stream_->start(first);
}

void AgentLink::on_tls_progress(net::TlsStream& /*stream*/) {
  if (state_ == State::handshaking && stream_->handshake_done()) on_handshake_done();
  if (state_ == State::proving) return read_proof();
  if (session_) read_plaintext();
  if (state_ == State::ended) return;
  if (stream_->error()) return end(stream_->error()->reason, stream_->error()->detail);
  settle();
}

void AgentLink::on_handshake_done() {
  handshake_ = GaugeToken();
  if (stream_->engine().alpn() == wire::kVerifyAlpn) {
    state_ = State::proving;
    return host_.on_handshake_over();
  }
  state_ = State::deciding;
  if (const auto refused = stream_->engine().resumption_refused(); refused != tls::ResumptionRefused::none) {
    host_.shared().counters.refused.add(Reason::resumption_refused);
    log(Level::info, "resumption refused",
        {{"peer", peer_.to_string()},
         {"reason", reason_code(Reason::resumption_refused)},
         {"detail", tls::resumption_refused_text(refused)}});
  }
  // The identity must not be believed after the certificate's end: the session ends with it.
  const auto left = stream_->engine().peer().not_after - net::wall_now();
  deadline_ = now() + std::clamp<Duration>(left, Duration(0), std::chrono::hours(24 * 365));
  session_.emplace(now());
  host_.on_handshake_over();
}

void AgentLink::read_plaintext() {
  while (!stream_->plaintext().empty()) {
    const ByteView in = stream_->plaintext();
    session_->receive(in, now());
    stream_->consumed(in.size());
  }
  handle_events();
}

// One message, within the time of the handshake.
void AgentLink::read_proof() {
  const ByteView in = stream_->plaintext();
  proof_.append(in);
  stream_->consumed(in.size());
  const auto message = proof_.next();
  if (!message) return end(message.error().reason, message.error().detail);
  if (!*message) {
    if (stream_->error()) end(stream_->error()->reason, stream_->error()->detail);
    return;
  }
  const auto* proof = std::get_if<wire::VerifyNonce>(&**message);
  if (proof == nullptr) return end(Reason::protocol_error, "a proof was expected");
  const bool known = host_.shared().proofs.settle(proof->nonce, stream_->engine().peer().spiffe_id, peer_.ip);
  end(known ? Reason::completed : Reason::verify_forged, known ? "" : "nobody waits for this proof");
}

void AgentLink::handle_events() {
  while (session_ && state_ != State::ended) {
    auto event = session_->next_event();
    if (!event) return;
    std::visit([this](auto& each) { on_event(each); }, *event);
  }
}

void AgentLink::on_event(core::server_event::HelloReceived& event) {
  auto place = host_.shared().gauges.sessions.take();
  if (!place) return on_refused(Reason::server_full, 30s, "the server has no room for another session");
  place_ = std::move(*place);
  AgentCarrier::Description description;
  host_.secret_rng().fill(description.id);
  host_.secret_rng().fill(description.key);
  description.spiffe_id = stream_->engine().peer().spiffe_id;
  description.software = event.hello.software;
  description.peer = peer_;
  description.since = net::wall_now();
  description.pool = {event.hello.pool_min, event.hello.pool_max};
  description.relays_max = host_.limits().relays_per_agent;
  agent_ = std::make_shared<AgentCarrier>(
      description, now(), [link = ref()] { link.tell([](AgentLink& self) { self.on_demand(); }); },
      [link = ref()] { link.tell([](AgentLink& self) { self.probe(core::kUnansweredProbe); }); });
  host_.registry().post_hello(ref(), SessionClaim{.spiffe_id = description.spiffe_id,
                                                  .endpoint = event.hello.endpoint,
                                                  .cluster = event.hello.cluster,
                                                  .boot_id = event.hello.boot_id,
                                                  .counter = event.hello.counter,
                                                  .session = agent_,
                                                  .about = {description.software, description.peer}});
}

void AgentLink::on_admitted() {
  if (state_ != State::deciding || !agent_) return;
  state_ = State::admitted;
  host_.shared().sessions.add(agent_->description().id, agent_);
  wire::Welcome welcome;
  welcome.instance_id = host_.shared().instance;
  welcome.session_id = agent_->description().id;
  welcome.key = agent_->description().key;
  if (const auto address = host_.instance_address()) welcome.data_addresses.push_back(*address);
  welcome.address_seen = peer_;
  welcome.server_time = net::wall_now().time_since_epoch().count();
  const auto ms = [](Duration d) {
    return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
  };
  welcome.ping_interval_ms = ms(host_.limits().ping_interval);
  welcome.answer_timeout_ms = ms(host_.limits().answer_timeout);
  const auto& domains = host_.shared().domains;
  welcome.domains.assign(
      domains.begin(), domains.begin() + static_cast<std::ptrdiff_t>(std::min(domains.size(), wire::kMaxListEntries)));
  welcome.services_max = static_cast<std::uint16_t>(host_.limits().services_per_agent);
  session_->welcome(welcome, now());
  offers_ = Offers::taken;
  log(Level::info, "session opened",
      {{"agent", agent_->description().spiffe_id},
       {"peer", peer_.to_string()},
       {"version", agent_->description().software},
       {"resumed", stream_->engine().resumed() ? "yes" : "no"}});
  on_demand();
}

void AgentLink::on_refused(Reason reason, Duration retry_after, const std::string& detail) {
  if (state_ == State::flushing || state_ == State::ended || !session_) return;
  // A session that another one replaces has ended in order; the rest was turned away.
  auto& counters = host_.shared().counters;
  (state_ == State::admitted ? counters.closed : counters.refused).add(reason);
  log(reason == Reason::superseded ? Level::info : Level::warn, "session refused",
      {{"agent", stream_->engine().peer().spiffe_id},
       {"peer", peer_.to_string()},
       {"reason", reason_code(reason)},
       {"detail", detail}});
  session_->refuse_session(reason, std::chrono::ceil<std::chrono::seconds>(retry_after), detail);
  end_reason_ = Error{reason, detail};
  release_session();
  state_ = State::flushing;
  deadline_ = now() + kLastFlush;
  settle();
}

void AgentLink::on_event(core::server_event::RegisterRequested& event) {
  claims_.insert(event.request.claim);
  host_.registry().post_register(ref(), agent_, std::move(event.request));
}

void AgentLink::on_event(core::server_event::ClaimRefused& event) {
  host_.shared().counters.refused.add(event.reason);
  log(Level::warn, "registration refused",
      {{"agent", agent_->description().spiffe_id}, {"claim", event.claim}, {"reason", reason_code(event.reason)}});
}

void AgentLink::on_event(core::server_event::Unregistered& event) {
  claims_.erase(event.claim);
  log(Level::info, "service withdrawn by its agent",
      {{"agent", agent_->description().spiffe_id}, {"claim", event.claim}, {"reason", event.code}});
  host_.registry().post_unregister(agent_, event.claim);
}

void AgentLink::on_event(core::server_event::CandidateOffered& event) {
  if (offers_ == Offers::ignored) return;
  if (!verifier_) {
    const auto local = net::local_address(stream_->fd()).value_or(SocketAddress{});
    verifier_ =
        std::make_unique<EndpointVerifier>(*this, host_.poller(), host_.shared(), host_.limits(), agent_, local.ip);
  }
  verifier_->offer(event.candidate);
}

void AgentLink::on_event(core::server_event::CandidateWithdrawn& event) {
  if (verifier_) verifier_->withdraw(event.candidate);
}

void AgentLink::on_judged(std::uint32_t candidate, std::string code) {
  session_->verified(candidate, std::move(code));
  settle_soon();
}

void AgentLink::on_proof_wanted(const wire::VerifyNonce& nonce) {
  session_->demand_proof(nonce);
  settle_soon();
}

ProofDirectory::OnProof AgentLink::proof_hook() {
  return [link = ref()](const wire::Nonce& nonce, const IpAddress& from) {
    link.tell([nonce, from](AgentLink& self) {
      if (self.verifier_) self.verifier_->on_proof(nonce, from);
    });
  };
}

void AgentLink::on_direct_changed(std::vector<DirectEndpoint> endpoints) {
  host_.registry().post_direct(agent_, std::move(endpoints));
}

// The verifier may be in the middle of its own work, and a session that ends takes it along.
void AgentLink::settle_soon() {
  host_.loop().timers().arm(timer_, now());
}

void AgentLink::on_event(core::server_event::RttMeasured& event) {
  if (agent_) agent_->set_rtt(event.rtt);
}

void AgentLink::on_event(core::server_event::ProbeAnswered& /*event*/) {
  if (agent_) host_.registry().post_probe_answered(agent_);
}

// The agent stops: it takes no new connections, and its live ones go on.
void AgentLink::on_event(core::server_event::Draining& /*event*/) {
  stop_verifying();
  host_.registry().post_direct(agent_, {});
  for (const std::uint32_t claim : claims_) host_.registry().post_unregister(agent_, claim);
  claims_.clear();
}

void AgentLink::on_event(core::server_event::Failed& event) {
  if (!end_reason_) end_reason_ = Error{event.reason, event.detail};
  if (state_ == State::flushing) return;
  host_.shared().counters.closed.add(event.reason);
  release_session();
  state_ = State::flushing;
  deadline_ = now() + kLastFlush;
}

void AgentLink::on_registered(wire::Registered message) {
  if (state_ != State::admitted) return;
  log(Level::info, "service registered",
      {{"agent", agent_->description().spiffe_id}, {"service", message.service}, {"peer", peer_.to_string()}});
  message.pool_size = agent_->pool_size();
  session_->registered(message);
  settle();
}

void AgentLink::on_claim_refused(std::uint32_t claim, Reason reason, Duration retry_after, const std::string& detail) {
  if (state_ != State::admitted) return;
  claims_.erase(claim);
  session_->refuse(claim, reason, std::chrono::ceil<std::chrono::seconds>(retry_after), detail);
  settle();
}

void AgentLink::on_demand() {
  if (state_ != State::admitted) return;
  if (const auto count = agent_->take_ask(now()); count > 0) session_->open_channels(count);
  for (const WorkerItem& item : agent_->take_surplus(now())) {
    Worker* worker = host_.shared().workers[item.worker];
    worker->post([worker, number = item.number] { worker->close_channel(number, Reason::channel_retired); });
  }
  settle();
}

void AgentLink::probe(Duration within) {
  if (state_ != State::admitted) return;
  session_->probe(now(), now() + within);
  settle();
}

void AgentLink::drain(Duration within) {
  if (state_ != State::admitted) return;
  session_->drain(within);
  settle();
}

void AgentLink::close(Reason reason, const std::string& detail) {
  if (state_ != State::ended) end(reason, detail);
}

// Sends what the session has to say, and closes when it has said its last.
void AgentLink::settle() {
  if (state_ == State::ended || !session_) return;
  handle_events();
  pump();
  if (session_->finished() && !stream_->congested()) {
    const Error why = end_reason_.value_or(Error{Reason::completed, ""});
    return end(why.reason, why.detail);
  }
  arm_timer();
}

void AgentLink::pump() {
  while (!stream_->congested() && !session_->output().empty() && !stream_->error()) {
    const ByteView out = session_->output();
    const ByteView chunk = out.first(std::min(out.size(), kWriteChunk));
    stream_->write(chunk);
    session_->sent(chunk.size());
  }
}

void AgentLink::arm_timer() {
  TimePoint due = deadline_;
  if (session_ && session_->deadline()) due = std::min(due, *session_->deadline());
  if (state_ == State::admitted) {
    if (const auto ask = agent_->ask_deadline()) due = std::min(due, *ask);
  }
  host_.loop().timers().arm(timer_, due);
}

void AgentLink::on_timer() {
  if (now() >= deadline_) {
    switch (state_) {
      case State::handshaking:
      case State::proving:
        return end(Reason::handshake_timeout, "the TLS handshake was not finished in time");
      case State::flushing:
        return end(end_reason_->reason, end_reason_->detail);
      default:
        return on_refused(Reason::session_certificate_ended, 0s, "the agent's certificate has expired");
    }
  }
  if (!session_) return arm_timer();
  session_->on_time(now());
  if (state_ == State::admitted) return on_demand();
  settle();
}

void AgentLink::stop_verifying() {
  offers_ = Offers::ignored;
  verifier_.reset();
}

// Nothing new reaches the agent from here on; live relays stay.
void AgentLink::release_session() {
  if (!agent_) return;
  stop_verifying();
  host_.shared().sessions.remove(agent_->description().id);
  const auto left = agent_->close();
  for (const WorkerItem& item : left.channels) {
    Worker* worker = host_.shared().workers[item.worker];
    worker->post([worker, number = item.number] { worker->close_channel(number, Reason::session_ended); });
  }
  for (const WorkerItem& item : left.waiters) {
    Worker* worker = host_.shared().workers[item.worker];
    worker->post([worker, number = item.number] { worker->session_ended(number); });
  }
  host_.registry().post_closed(std::move(agent_));
  agent_.reset();
}

void AgentLink::end(Reason reason, const std::string& detail) {
  timer_.cancel();
  const bool handshaking = state_ == State::handshaking;
  if (handshaking || (state_ == State::proving && reason != Reason::completed)) {
    host_.shared().counters.refused.add(reason);
    host_.shared().access_log.write({.reason = reason, .peer = peer_.to_string(), .detail = detail});
  } else if (!end_reason_ && state_ != State::proving) {
    host_.shared().counters.closed.add(reason);
  }
  if (session_) {
    log(Level::info, "session closed",
        {{"agent", stream_->engine().peer().spiffe_id},
         {"peer", peer_.to_string()},
         {"reason", reason_code(end_reason_ ? end_reason_->reason : reason)},
         {"detail", end_reason_ ? end_reason_->detail : detail}});
  }
  release_session();
  stream_->finish();
  state_ = State::ended;
  if (handshaking) host_.on_handshake_over();
  host_.on_link_ended(*this);
}

}  // namespace fairlead::rendezvous
