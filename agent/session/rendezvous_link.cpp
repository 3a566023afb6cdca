#include "agent/session/rendezvous_link.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/log_clock.h"
#include "common/net/socket.h"
#include "common/tls/time_text.h"
#include "common/wire/session_id.h"

namespace fairlead::agent {
namespace {

constexpr Duration kPathCheck = 3s;  // after a network change
constexpr Duration kSoonest = 20ms;

DialRule dial_rule(const AgentConfig& config, const SocketAddress& session, const std::vector<SocketAddress>& named) {
  DialRule rule{
      .server = session.ip, .named = {}, .networks = config.rendezvous_networks, .own_networks = net::host_networks()};
  for (const SocketAddress& each : named) rule.named.push_back(each.ip);
  for (const HostPort& each : config.rendezvous) {
    if (const auto ip = IpAddress::parse(each.host)) rule.named.push_back(*ip);
  }
  return rule;
}

bool is_about_dates(Reason reason) {
  return reason == Reason::certificate_expired || reason == Reason::certificate_not_yet_valid;
}

}  // namespace

RendezvousLink::RendezvousLink(AgentTools& tools, LinkOwner& owner, HostPort server)
    : tools_(tools),
      owner_(owner),
      server_(std::move(server)),
      registrations_(tools.config.services),
      proofs_(tools, offers_, servers_),
      timer_([](void* self) { static_cast<RendezvousLink*>(self)->on_timer(); }, this) {}

RendezvousLink::~RendezvousLink() = default;

void RendezvousLink::enter(State next) {
  const bool legal = [&] {
    switch (state_) {
      case State::standby:
        return next == State::dialing || next == State::standby;
      case State::waiting:
        return next == State::dialing || next == State::standby;
      case State::dialing:
        return next == State::opening || next == State::dialing || next == State::waiting || next == State::standby;
      case State::opening:
        return next == State::up || next == State::dialing || next == State::waiting || next == State::standby;
      case State::up:
        return next == State::dialing || next == State::waiting || next == State::standby;
    }
    return false;
  }();
  CHECK(legal);
  state_ = next;
  since_ = tools_.wall_now();
}

std::string_view RendezvousLink::state_name() const {
  switch (state_) {
    case State::standby:
      return "standby";
    case State::waiting:
      return "waiting";
    case State::dialing:
      return dial_->phase();
    case State::opening:
      return "opening";
    case State::up:
      break;
  }
  return "up";
}

std::optional<SocketAddress> RendezvousLink::local() const {
  return driver_ ? net::local_address(driver_->stream().fd()) : std::nullopt;
}

void RendezvousLink::activate() {
  if (state_ == State::standby) dial();
}

void RendezvousLink::rest() {
  drop_session(Reason::shutting_down);
  timer_.cancel();
  enter(State::standby);
}

void RendezvousLink::dial() {
  timer_.cancel();
  dial_ = std::make_unique<SessionDial>(tools_, server_, owner_.session_context(), expected_server(),
                                        saved_tls_session_, memory_,
                                        [this](Result<SessionDial::Opened> opened) { on_opened(std::move(opened)); });
  enter(State::dialing);
  dial_->start();
}

tls::ServerExpectation RendezvousLink::expected_server() {
  return {.host = server_.host, .spiffe_patterns = {tools_.config.rendezvous_id}, .clock = [this] {
            return tools_.clock.read_for(server_.to_string(), host_time());
          }};
}

void RendezvousLink::on_opened(Result<SessionDial::Opened> opened) {
  named_ = dial_->addresses();
  tools_.loop.retire(std::move(dial_));
  if (!opened) return lost(opened.error());
  enter(State::opening);
  saved_tls_session_.clear();
  address_ = opened->address;
  session_.emplace(owner_.next_hello(), now(), tools_.config.limits.ping_interval);
  driver_ = std::make_unique<net::SessionDriver>(tools_.loop, std::move(opened->stream), *session_, *this);
  driver_->start();
}

void RendezvousLink::on_session_events() {
  while (session_) {
    auto event = session_->next_event();
    if (!event) break;
    std::visit([this](auto& each) { on_event(each); }, *event);
  }
  if (state_ == State::up && identity_ended()) {
    lost({Reason::certificate_expired,
          "our own certificate ended at " + tls::time_text(owner_.session_context().credentials().not_after())});
  }
}

// Looked at whenever the session is heard of, its pings at least: without a timer, and right after a sleep.
bool RendezvousLink::identity_ended() {
  const tls::ClockReading clock = tools_.clock.read(host_time());
  return clock.kind == tls::ClockReading::Kind::exact &&
         clock.time >= owner_.session_context().credentials().not_after();
}

void RendezvousLink::on_event(core::agent_event::Welcomed& event) {
  const wire::Welcome& welcome = event.welcome;
  if (owner_.is_duplicate(*this, welcome.instance_id)) {
    return lost({Reason::same_instance, "another configured address leads to the same rendezvous"},
                BackoffLimits{}.most);
  }
  if (!wire::is_harmless(welcome.session_id)) {
    return lost({Reason::address_not_told, "the session's id could be an instruction to another program"});
  }
  open_session(welcome);
  owner_.on_link_changed(*this);
}

// Lines of 1970 help nobody once the time is known.
void RendezvousLink::date_log_lines() {
  const HostTime host = host_time();
  const bool right = tools_.clock.plausible(host.system);
  correct_log_times(right ? 0s : tools_.clock.read(host).time - host.system, build_time());
}

void RendezvousLink::open_session(const wire::Welcome& welcome) {
  tls::TlsEngine& engine = driver_->stream().engine();
  const WallTime server_until = engine.peer().not_after;
  const WallTime server_time{std::chrono::seconds(welcome.server_time)};
  if (!tools_.clock.on_server_time(server_.to_string(), server_time, server_until, host_time())) {
    log(Level::warn, "the clock of a rendezvous is wrong and is not believed",
        {{"rendezvous", server_.to_string()}, {"certificate_until", tls::time_text(server_until)}});
  }
  date_log_lines();
  servers_ = ServerAddresses(dial_rule(tools_.config, address_, named_), address_, named_);
  instance_ = welcome.instance_id;
  saved_tls_session_ = engine.save_session();
  channels_ = std::make_unique<SessionChannels>(
      tools_, welcome, data_address(welcome),
      [this](const wire::ConnectionId& connection, Reason reason) { tell_ended(connection, reason); });
  seen_as_ = welcome.address_seen;
  domains_ = welcome.domains;
  last_error_.reset();
  failures_.over();
  retry_.on_up(now());
  enter(State::up);
  log(Level::info, "session opened",
      {{"rendezvous", server_.to_string()},
       {"peer", address_.to_string()},
       {"seen_as", welcome.address_seen.to_string()},
       {"resumed", engine.resumed() ? "yes" : "no"}});
  registrations_.ask(*session_, now());
  offers_.update(owner_.candidates(), *session_);
}

// The first that it may name. Never the name again: it may lead to another server now.
SocketAddress RendezvousLink::data_address(const wire::Welcome& welcome) {
  if (welcome.data_addresses.empty()) return address_;
  for (const SocketAddress& told : welcome.data_addresses) {
    if (servers_.learn(told)) return told;
  }
  log(Level::warn, "the rendezvous names no address for data channels that it may; they go to its own",
      {{"reason", reason_code(Reason::address_not_told)},
       {"address", welcome.data_addresses.front().to_string()},
       {"rendezvous", server_.to_string()}});
  return address_;
}

void RendezvousLink::on_event(core::agent_event::ServiceRegistered& event) {
  const std::vector<std::string> addresses = event.registered.public_addresses;
  const ServiceState* state = registrations_.on_registered(event.registered, server_.to_string(), tools_.wall_now());
  if (state == nullptr) return;
  for (const std::string& text : addresses) {
    if (const auto address = SocketAddress::parse(text)) servers_.learn(*address);
  }
  proofs_.on_servers_changed();
  log(Level::info, "service registered",
      {{"service", state->name}, {"path", "relay"}, {"address", state->address}, {"rendezvous", server_.to_string()}});
  owner_.on_link_changed(*this);
}

void RendezvousLink::on_event(core::agent_event::ServiceRefused& event) {
  const core::Refusal& refusal = event.refusal;
  const auto refused = registrations_.on_refused(event.claim, refusal, now(), tools_.wall_now());
  if (!refused) return;
  tools_.counters.refused.add(refusal.reason.value_or(Reason::protocol_error));
  if (refused->news) {
    log(Level::warn, "service refused",
        {{"service", refused->service.name},
         {"reason", refusal.code},
         {"detail", refusal.detail},
         {"rendezvous", server_.to_string()},
         {"unlogged", refused->silent}});
  }
  arm_for_services();
  owner_.on_link_changed(*this);
}

void RendezvousLink::on_event(core::agent_event::SessionRefused& event) {
  // A code of a later version has no reason of ours to stand before it.
  const core::Refusal& refusal = event.refusal;
  failure_ = refusal.reason ? Error{*refusal.reason, refusal.detail}
                            : Error{Reason::protocol_error, refusal.code + ": " + refusal.detail};
  retry_after_ = event.refusal.retry_after;
}

void RendezvousLink::on_event(core::agent_event::Draining& /*event*/) {
  retry_.on_draining();
  log(Level::info, "the rendezvous drains", {{"rendezvous", server_.to_string()}});
}

void RendezvousLink::on_event(core::agent_event::NonceToProve& event) {
  proofs_.prove(event.nonce, owner_.verify_context(), expected_server());
}

void RendezvousLink::on_event(core::agent_event::CandidateJudged& event) {
  offers_.on_judged(event.candidate, event.code, tools_.wall_now());
  owner_.on_candidate_judged(*this, event.candidate, event.code);
}

void RendezvousLink::on_event(core::agent_event::Failed& event) {
  failure_ = Error{event.reason, event.detail};
}

void RendezvousLink::on_session_over(const Error& how) {
  const Error said_nothing{Reason::connection_lost, "the session ended"};
  const Error error = failure_.value_or(how.reason == Reason::completed ? said_nothing : how);
  if (state_ == State::opening) memory_.failed(address_, now());
  lost(error, retry_after_);
}

// A channel is in the middle of its end: what settles may drop the session, and all channels with it.
void RendezvousLink::tell_ended(const wire::ConnectionId& connection, Reason reason) {
  if (!session_) return;
  session_->relay_ended(connection, reason);
  settle();
}

void RendezvousLink::offer(const std::vector<nat::Candidate>& candidates) {
  if (state_ != State::up) return;
  offers_.update(candidates, *session_);
  settle();
}

// May be called from within one of the session's own events.
void RendezvousLink::settle() {
  driver_->settle_soon();
}

void RendezvousLink::arm(TimePoint due) {
  tools_.loop.timers().arm(timer_, due);
}

void RendezvousLink::arm_for_services() {
  const auto due = registrations_.deadline();
  if (due) {
    arm(*due);
  } else {
    timer_.cancel();
  }
}

void RendezvousLink::on_timer() {
  if (state_ == State::waiting) return dial();
  if (state_ != State::up) return;
  registrations_.ask(*session_, now());
  arm_for_services();
  settle();
}

void RendezvousLink::check_path() {
  if (state_ == State::waiting) return arm(now() + kSoonest);
  if (state_ != State::up) return;
  session_->probe(now(), now() + kPathCheck);
  settle();
}

void RendezvousLink::renew() {
  saved_tls_session_.clear();
  if (state_ == State::waiting) arm(now() + kSoonest);  // the old one may have been the reason
  if (state_ == State::standby || state_ == State::waiting) return;
  drop_session(Reason::superseded);
  dial();
}

void RendezvousLink::services_changed() {
  const bool live = state_ == State::up;
  registrations_.replace(tools_.config.services, live ? &*session_ : nullptr);
  if (!live) return;
  registrations_.ask(*session_, now());
  arm_for_services();
  settle();
}

void RendezvousLink::ask_renewal(Bytes csr) {
  if (!may_renew()) return;
  session_->renew(std::move(csr));
  settle();
}

void RendezvousLink::drain(Duration within) {
  if (state_ != State::up) return;
  session_->drain(within);
  settle();
}

void RendezvousLink::close(Reason reason) {
  drop_session(reason);
  timer_.cancel();
  enter(State::standby);
}

void RendezvousLink::drop_session(Reason reason) {
  if (channels_) owner_.leftovers().take(std::move(channels_), reason);
  if (dial_) {
    dial_->cancel();
    tools_.loop.retire(std::move(dial_));
  }
  registrations_.on_session_ended();
  offers_.clear();
  proofs_.drop();
  seen_as_.reset();
  instance_.reset();
  failure_.reset();
  retry_after_.reset();
  if (!driver_) return;
  driver_->end();
  tools_.loop.retire(std::move(driver_));
  session_.reset();
}

void RendezvousLink::lost(Error error, std::optional<Duration> asked) {
  const bool was_up = state_ == State::up;
  (was_up ? tools_.counters.closed : tools_.counters.refused).add(error.reason);
  if (!was_up && is_about_dates(error.reason)) tools_.clock.on_dates_refused(server_.to_string());
  const Duration wait = retry_.next_wait(error.reason, asked, now(), tools_.rng);
  log_lost(error, was_up, wait);
  drop_session(Reason::session_ended);
  last_error_ = std::move(error);
  enter(State::waiting);
  arm(now() + wait);
  owner_.on_link_changed(*this);
  owner_.on_link_failed(*this);
}

void RendezvousLink::log_lost(const Error& error, bool was_up, Duration wait) {
  if (!failures_.is_news(reason_code(error.reason), now()) && !was_up) return;
  log(Level::warn, was_up ? "session lost" : "cannot open a session",
      {{"rendezvous", server_.to_string()},
       {"reason", reason_code(error.reason)},
       {"detail", error.detail},
       {"retry_ms", std::chrono::duration_cast<std::chrono::milliseconds>(wait).count()},
       {"unlogged", failures_.take_silent()}});
}

}  // namespace fairlead::agent
