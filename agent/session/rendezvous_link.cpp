#include "agent/session/rendezvous_link.h"

#include <algorithm>

#include "common/base/ip_scope.h"
#include "common/base/log.h"
#include "common/net/socket.h"

namespace fairlead::agent {
namespace {

constexpr std::size_t kWriteChunk = 16 * 1024;  // one TLS record
constexpr Duration kRestartCap = 2s;            // a host that refuses is restarting: be there when it is back
constexpr Duration kHeldLongEnough = 1min;      // a session that lived this long resets the backoff
constexpr Duration kPathCheck = 3s;             // after a network change
constexpr Duration kUserTimeout = 30s;
constexpr Duration kLastFlush = 1s;
// A restarted server lets thousands of agents in a few hundred at a time: our place in its queue is worth more than a
// new attempt, which would stand at the end.
constexpr Duration kQueuePatience = 60s;
constexpr Duration kSoonest = 20ms;
constexpr double kProofsPerSecond = 0.2;  // whatever a server asks for
constexpr std::size_t kMaxServerAddresses = 16;

}  // namespace

std::string_view link_state_name(RendezvousLink::State state) {
  static constexpr std::string_view kNames[] = {"standby", "waiting", "resolving", "connecting", "opening", "up"};
  return kNames[static_cast<std::size_t>(state)];
}

RendezvousLink::RendezvousLink(AgentTools& tools, LinkOwner& owner, HostPort server)
    : tools_(tools),
      owner_(owner),
      server_(std::move(server)),
      resolver_(tools.names),
      services_(tools.config.services.size()),
      proof_rate_(core::kMaxCandidates, kProofsPerSecond, tools.loop.now()),
      backoff_(BackoffLimits{}),
      timer_([](void* self) { static_cast<RendezvousLink*>(self)->on_timer(); }, this) {}

void RendezvousLink::enter(State next) {
  state_ = next;
  since_ = owner_.wall_now();
}

void RendezvousLink::activate() {
  if (state_ == State::standby) resolve();
}

void RendezvousLink::rest() {
  drop_session(Reason::shutting_down);
  timer_.cancel();
  resolver_.cancel();
  connecting_.reset();
  enter(State::standby);
}

void RendezvousLink::resolve() {
  enter(State::resolving);
  deadline_ = now() + tools_.config.limits.connect_timeout;
  arm_timer();
  if (const auto ip = IpAddress::parse(server_.host)) {
    addresses_ = {{*ip, server_.port}};
    server_addresses_ = addresses_;
    return connect_next();
  }
  resolver_.resolve(server_, [this](Result<std::vector<SocketAddress>> answer) {
    if (!answer) return lost(answer.error());
    addresses_ = std::move(*answer);
    server_addresses_ = addresses_;
    std::reverse(addresses_.begin(), addresses_.end());
    connect_next();
  });
}

void RendezvousLink::connect_next() {
  enter(State::connecting);
  while (!addresses_.empty()) {
    address_ = addresses_.back();
    addresses_.pop_back();
    auto fd = net::connect_tcp(address_, {.source = std::nullopt, .buffers = tools_.memory.session_buffers()});
    if (!fd) {
      last_error_ = fd.error();
      continue;
    }
    connecting_ = net::PolledFd(tools_.channel.poller, std::move(*fd), *this);
    deadline_ = now() + tools_.config.limits.connect_timeout;
    return arm_timer();
  }
  lost(last_error_.value_or(Error{Reason::connect_unreachable, "no address"}));
}

void RendezvousLink::on_ready(net::Readiness ready) {
  if (state_ != State::connecting || !(ready.writable || ready.hung_up)) return;
  if (auto failed = net::connect_result(connecting_.get())) {
    last_error_ = std::move(*failed);
    connecting_.reset();
    return connect_next();
  }
  on_connected();
}

void RendezvousLink::on_connected() {
  enter(State::opening);
  deadline_ = now() + tools_.config.limits.handshake_timeout + kQueuePatience;
  net::Fd fd = connecting_.release();
  net::set_user_timeout(fd.get(), kUserTimeout);
  auto engine = tls::TlsEngine::client(owner_.tls_context(), expected_server(), saved_tls_session_);
  if (!engine) return lost(engine.error());
  stream_ = std::make_unique<net::TlsStream>(tools_.channel.poller, std::move(fd), std::move(*engine), *this);
  arm_timer();
  stream_->start({});
}

tls::ServerExpectation RendezvousLink::expected_server() {
  return {.host = server_.host, .spiffe_pattern = tools_.config.rendezvous_id, .clock = [this] {
            return owner_.time_for(server_);
          }};
}

void RendezvousLink::on_tls_progress(net::TlsStream& /*stream*/) {
  if (!session_ && stream_->handshake_done() && !stream_->error()) {
    saved_tls_session_.clear();
    session_.emplace(owner_.next_hello(), now(), tools_.config.limits.ping_interval);
    deadline_ = now() + core::kWelcomeTimeout;
  }
  while (session_ && !stream_->plaintext().empty()) {
    const ByteView in = stream_->plaintext();
    session_->receive(in, now());
    stream_->consumed(in.size());
  }
  handle_events();
  if (!stream_) return;  // an event ended it
  if (stream_->error()) {
    const Error error = failure_.value_or(*stream_->error());
    return lost(error, retry_after_);
  }
  settle();
}

void RendezvousLink::handle_events() {
  while (session_) {
    auto event = session_->next_event();
    if (!event) return;
    std::visit([this](auto& each) { on_event(each); }, *event);
  }
}

void RendezvousLink::on_event(core::agent_event::Welcomed& event) {
  const wire::Welcome& welcome = event.welcome;
  if (owner_.is_duplicate(*this, welcome.instance_id)) {
    failure_ = Error{Reason::same_instance, "another configured address leads to the same rendezvous"};
    retry_after_ = BackoffLimits{}.most;
    session_->drain(0s);
    return lost(*failure_, retry_after_);
  }
  instance_ = welcome.instance_id;
  up_since_ = now();
  server_restarting_ = false;
  last_error_.reset();
  saved_tls_session_ = stream_->engine().save_session();
  owner_.on_server_time(server_, WallTime(std::chrono::seconds(welcome.server_time)),
                        stream_->engine().peer().not_after);
  // Never the name again: it may lead to another server now.
  const SocketAddress data = welcome.data_addresses.empty() ? address_ : welcome.data_addresses.front();
  channels_ = std::make_unique<SessionChannels>(
      tools_, welcome, data,
      [this](const wire::ConnectionId& connection, Reason reason) { tell_ended(connection, reason); });
  enter(State::up);
  deadline_ = TimePoint::max();
  log(Level::info, "session opened",
      {{"rendezvous", server_.to_string()},
       {"peer", address_.to_string()},
       {"seen_as", welcome.address_seen.to_string()},
       {"resumed", stream_->engine().resumed() ? "yes" : "no"}});
  seen_as_ = welcome.address_seen;
  domains_ = welcome.domains;
  register_services();
  offers_.update(owner_.candidates(), *session_);
  owner_.on_link_changed(*this);
}

void RendezvousLink::register_services() {
  for (std::size_t i = 0; i < services_.size(); ++i) {
    ServiceState& state = services_[i];
    const bool due = state.kind == ServiceState::Kind::idle ||
                     (state.kind == ServiceState::Kind::refused && state.retry_at <= now());
    if (!due) continue;
    const ServiceConfig& service = tools_.config.services[i];
    state.kind = ServiceState::Kind::asked;
    session_->register_service({.claim = static_cast<std::uint32_t>(i + 1),
                                .service = service.name,
                                .host = service.host,
                                .port = service.port,
                                .sni = service.sni,
                                .subsets = service.subsets});
  }
}

void RendezvousLink::on_event(core::agent_event::ServiceRegistered& event) {
  const std::size_t index = event.registered.claim - 1;
  if (index >= services_.size()) return;
  ServiceState& state = services_[index];
  state = {.kind = ServiceState::Kind::registered, .name = event.registered.service, .since = owner_.wall_now()};
  if (!event.registered.public_addresses.empty()) state.address = event.registered.public_addresses.front();
  if (state.address.empty()) state.address = server_.to_string();
  state.sources = std::move(event.registered.sources);
  for (const std::string& text : event.registered.public_addresses) {
    // Only what the world can reach: nobody's word makes this host dial into its own network.
    const auto address = SocketAddress::parse(text);
    if (!address || scope_of(address->ip) != IpScope::global) continue;
    if (std::find(server_addresses_.begin(), server_addresses_.end(), *address) != server_addresses_.end()) continue;
    if (server_addresses_.size() < kMaxServerAddresses) server_addresses_.push_back(*address);
  }
  prove_waiting();
  log(Level::info, "service registered",
      {{"service", state.name}, {"path", "relay"}, {"address", state.address}, {"rendezvous", server_.to_string()}});
  owner_.on_link_changed(*this);
}

void RendezvousLink::on_event(core::agent_event::ServiceRefused& event) {
  const std::size_t index = event.claim - 1;
  if (index >= services_.size()) return;
  const core::Refusal& refusal = event.refusal;
  tools_.counters.refused.add(refusal.reason.value_or(Reason::protocol_error));
  services_[index] = {.kind = ServiceState::Kind::refused,
                      .reason = refusal.code,
                      .detail = refusal.detail,
                      .retry_at = now() + std::max<Duration>(refusal.retry_after, 1s),
                      .since = owner_.wall_now()};
  log(Level::warn, "service refused",
      {{"service", tools_.config.services[index].name},
       {"reason", refusal.code},
       {"detail", refusal.detail},
       {"rendezvous", server_.to_string()}});
  owner_.on_link_changed(*this);
}

void RendezvousLink::on_event(core::agent_event::SessionRefused& event) {
  // A code of a later version has no reason of ours to stand before it.
  const core::Refusal& refusal = event.refusal;
  failure_ = refusal.reason ? Error{*refusal.reason, refusal.detail}
                            : Error{Reason::protocol_error, refusal.code + ": " + refusal.detail};
  retry_after_ = event.refusal.retry_after;
}

void RendezvousLink::on_event(core::agent_event::OpenChannels& event) {
  channels_->open(event.count);
}

void RendezvousLink::on_event(core::agent_event::PoolSizeChanged& /*event*/) {}  // asks come one by one

void RendezvousLink::on_event(core::agent_event::Draining& /*event*/) {
  server_restarting_ = true;
  log(Level::info, "the rendezvous drains", {{"rendezvous", server_.to_string()}});
}

void RendezvousLink::on_event(core::agent_event::RttMeasured& /*event*/) {}

void RendezvousLink::on_event(core::agent_event::ProbeAnswered& /*event*/) {}

void RendezvousLink::on_event(core::agent_event::NonceToProve& event) {
  if (const Offered* offered = offers_.find(event.nonce.candidate)) prove(offered->candidate, event.nonce);
}

void RendezvousLink::on_event(core::agent_event::CandidateJudged& event) {
  offers_.on_judged(event.candidate, event.code, owner_.wall_now());
  owner_.on_candidate_judged(*this, event.candidate, event.code);
}

// To the same server, by the family of the candidate; where the server has none, the candidate stays unproved.
void RendezvousLink::prove(const nat::Candidate& candidate, const wire::VerifyNonce& nonce) {
  if (proofs_.size() >= core::kMaxCandidates) return;
  const auto server = server_of_family(candidate.local);
  if (!server) return prove_later(nonce);  // the registrations may bring one
  if (!proof_rate_.take(now())) return;
  const auto share = tools_.memory.take_proof();
  if (!share) return prove_later(nonce);
  proofs_.push_back(std::make_unique<ProofConnection>(
      tools_.channel.poller, owner_.verify_context(), expected_server(), nonce, [this](ProofConnection& done) {
        const auto at =
            std::find_if(proofs_.begin(), proofs_.end(), [&](const auto& each) { return each.get() == &done; });
        tools_.memory.give_back(done.share());
        tools_.loop.retire(std::move(*at));
        proofs_.erase(at);
        prove_waiting();
      }));
  proofs_.back()->start(*server, candidate.local, *share);
}

void RendezvousLink::prove_later(const wire::VerifyNonce& nonce) {
  if (unproved_.size() < core::kMaxCandidates) unproved_.push_back(nonce);
}

void RendezvousLink::prove_waiting() {
  for (const wire::VerifyNonce& nonce : std::exchange(unproved_, {})) {
    if (const Offered* offered = offers_.find(nonce.candidate)) prove(offered->candidate, nonce);
  }
}

std::optional<SocketAddress> RendezvousLink::server_of_family(const IpAddress& like) const {
  const auto fits = [&](const SocketAddress& each) { return each.ip.is_v4() == like.is_v4(); };
  if (fits(address_)) return address_;
  const auto at = std::find_if(server_addresses_.begin(), server_addresses_.end(), fits);
  return at == server_addresses_.end() ? std::nullopt : std::optional(*at);
}

void RendezvousLink::drop_proofs() {
  for (const auto& proof : proofs_) tools_.memory.give_back(proof->share());
  proofs_.clear();
  unproved_.clear();
}

void RendezvousLink::offer(const std::vector<nat::Candidate>& candidates) {
  if (state_ != State::up || !session_) return;
  offers_.update(candidates, *session_);
  settle();
}

void RendezvousLink::on_event(core::agent_event::RelayEnded& event) {
  channels_->on_relay_ended_there(event.connection, event.reason);
}

// A channel is in the middle of its end: what settles may drop the session, and all channels with it.
void RendezvousLink::tell_ended(const wire::ConnectionId& connection, Reason reason) {
  if (!session_) return;
  session_->relay_ended(connection, reason);
  tools_.loop.timers().arm(timer_, now());
}

void RendezvousLink::on_event(core::agent_event::Failed& event) {
  failure_ = Error{event.reason, event.detail};
  deadline_ = now() + kLastFlush;
}

void RendezvousLink::settle() {
  if (!stream_) return;
  if (session_) {
    handle_events();
    if (!session_) return;
    pump();
    if (session_->finished() && !stream_->congested()) {
      return lost(failure_.value_or(Error{Reason::connection_lost, "the session ended"}), retry_after_);
    }
  }
  arm_timer();
}

void RendezvousLink::pump() {
  while (!stream_->congested() && !session_->output().empty() && !stream_->error()) {
    const ByteView out = session_->output();
    const ByteView chunk = out.first(std::min(out.size(), kWriteChunk));
    stream_->write(chunk);
    session_->sent(chunk.size());
  }
}

void RendezvousLink::arm_timer() {
  TimePoint due = deadline_;
  if (session_ && session_->deadline()) due = std::min(due, *session_->deadline());
  if (state_ == State::up) {
    for (const ServiceState& state : services_) {
      if (state.kind == ServiceState::Kind::refused) due = std::min(due, state.retry_at);
    }
  }
  if (due == TimePoint::max()) return timer_.cancel();
  tools_.loop.timers().arm(timer_, due);
}

void RendezvousLink::on_timer() {
  if (now() >= deadline_) {
    switch (state_) {
      case State::standby:
        return;
      case State::waiting:
        return resolve();
      case State::resolving:
        return lost({Reason::resolve_failed, server_.host + ": no answer from the resolver"});
      case State::connecting:
        connecting_.reset();
        last_error_ = Error{Reason::connect_timeout, address_.to_string() + ": the connect was not answered"};
        return connect_next();
      case State::opening:
      case State::up:
        return lost(failure_.value_or(Error{Reason::handshake_timeout, "the session did not open in time"}),
                    retry_after_);
    }
  }
  if (!session_) return arm_timer();
  session_->on_time(now());
  if (state_ == State::up) register_services();
  settle();
}

void RendezvousLink::check_path() {
  if (state_ == State::waiting) {
    deadline_ = std::min(deadline_, now() + kSoonest);
    return arm_timer();
  }
  if (state_ != State::up) return;
  session_->probe(now(), now() + kPathCheck);
  settle();
}

void RendezvousLink::renew() {
  saved_tls_session_.clear();
  if (state_ == State::opening || state_ == State::up) {
    drop_session(Reason::superseded);
    resolve();
  }
}

void RendezvousLink::services_changed() {
  services_.assign(tools_.config.services.size(), {});
}

void RendezvousLink::drain(Duration within) {
  if (state_ != State::up) return;
  session_->drain(within);
  settle();
}

void RendezvousLink::close(Reason reason) {
  drop_session(reason);
  timer_.cancel();
}

void RendezvousLink::drop_session(Reason reason) {
  if (channels_) {
    channels_->retire(reason, [owner = &owner_] { owner->on_leftovers_done(); });
    if (channels_->empty()) {
      tools_.loop.retire(std::move(channels_));
    } else {
      owner_.keep_until_done(std::move(channels_));
    }
  }
  offers_.clear();
  drop_proofs();
  seen_as_.reset();
  session_.reset();
  instance_.reset();
  failure_.reset();
  retry_after_.reset();
  if (stream_) {
    stream_->finish();
    tools_.loop.retire(std::move(stream_));
  }
  for (ServiceState& state : services_) state = {};
}

void RendezvousLink::lost(Error error, std::optional<Duration> not_before) {
  const bool was_up = state_ == State::up;
  (was_up ? tools_.counters.closed : tools_.counters.refused).add(error.reason);
  if (was_up && now() - up_since_ >= kHeldLongEnough) backoff_.reset();
  if (error.reason == Reason::connect_refused) server_restarting_ = true;
  const Duration cap = server_restarting_ || was_up ? kRestartCap : Duration::max();
  Duration wait = backoff_.next(tools_.rng, cap);
  if (not_before && *not_before > 0s) {
    wait = *not_before + Duration(static_cast<Duration::rep>(tools_.rng.below(1'000'000)));
  }
  const bool dates = error.reason == Reason::certificate_expired || error.reason == Reason::certificate_not_yet_valid;
  if (dates && !was_up) owner_.on_dates_refused(server_);
  log(Level::warn, was_up ? "session lost" : "cannot open a session",
      {{"rendezvous", server_.to_string()},
       {"reason", reason_code(error.reason)},
       {"detail", error.detail},
       {"retry_ms", std::chrono::duration_cast<std::chrono::milliseconds>(wait).count()}});
  drop_session(Reason::session_ended);
  resolver_.cancel();
  connecting_.reset();
  last_error_ = std::move(error);
  enter(State::waiting);
  deadline_ = now() + wait;
  arm_timer();
  owner_.on_link_changed(*this);
  owner_.on_link_failed(*this);
}

}  // namespace fairlead::agent
