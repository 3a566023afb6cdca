#include "common/core/agent_session.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/core/overloaded.h"

namespace fairlead::core {
namespace {

Refusal to_refusal(wire::Refused& message) {
  const std::chrono::seconds asked(message.retry_after_s);
  return {find_reason(message.code), std::move(message.code), std::min(asked, kMaxRetryAfter),
          std::move(message.detail)};
}

}  // namespace

AgentSession::AgentSession(wire::Hello hello, TimePoint now, Duration ping_interval)
    : welcome_deadline_(now + kWelcomeTimeout),
      ping_interval_(std::clamp<Duration>(ping_interval, kPingIntervalLeast, kPingIntervalMost)) {
  hello.version = wire::kControlVersion;
  send(hello);
}

void AgentSession::enter(State next) {
  switch (state_) {
    case State::waiting:
      CHECK(next == State::active || next == State::closing || next == State::closed);
      break;
    case State::active:
      CHECK(next == State::closing || next == State::closed);
      break;
    case State::closing:
      CHECK(next == State::closed);
      break;
    case State::closed:
      CHECK(false);
  }
  state_ = next;
  if (over()) stream_.drop_input();
}

bool AgentSession::over() const {
  return state_ == State::closing || state_ == State::closed;
}

void AgentSession::receive(ByteView in, TimePoint now) {
  if (over()) return;
  stream_.append(in);
  while (!over()) {
    auto message = stream_.next();
    if (!message) return fail_peer(message.error().reason, message.error().detail);
    if (!*message) return;
    on_message(**message, now);
  }
}

std::optional<AgentEvent> AgentSession::next_event() {
  return events_.pop();
}

void AgentSession::on_message(wire::ControlMessage& message, TimePoint now) {
  if (std::holds_alternative<wire::Skipped>(message)) return;
  if (auto* const refused = std::get_if<wire::Refused>(&message)) return on_refused(*refused);
  if (state_ == State::waiting) {
    auto* const welcome = std::get_if<wire::Welcome>(&message);
    if (welcome == nullptr) return fail_peer(Reason::protocol_error, "the first message is not welcome");
    return on_welcome(*welcome, now);
  }
  std::visit(Overloaded{
                 [&](wire::Registered& m) { on_registered(m); },
                 [&](wire::OpenChannels& m) { events_.push(agent_event::OpenChannels{m.count}); },
                 [&](wire::PoolSize& m) { events_.push(agent_event::PoolSizeChanged{m.size}); },
                 [&](wire::Ping& m) { on_ping(m, now); },
                 [&](wire::Pong& m) { on_pong(m, now); },
                 [&](wire::VerifyNonce& m) { on_nonce(m); },
                 [&](wire::Verified& m) { on_verified(m); },
                 [&](wire::Drain& m) { events_.push(agent_event::Draining{std::chrono::milliseconds(m.within_ms)}); },
                 [&](auto&) { fail_peer(Reason::protocol_error, "a message that servers do not send here"); },
             },
             message);
}

void AgentSession::on_welcome(wire::Welcome& welcome, TimePoint now) {
  if (welcome.version < wire::kOldestControlVersion || welcome.version > wire::kControlVersion) {
    return fail_peer(Reason::version_unsupported, "the server chose a protocol version that this agent does not speak");
  }
  const Duration wished = std::chrono::milliseconds(welcome.ping_interval_ms);
  const PingRole role = wished <= ping_interval_ ? PingRole::follows : PingRole::leads;
  keepalive_.emplace(role, std::clamp<Duration>(wished, kPingIntervalLeast, ping_interval_), now);
  enter(State::active);
  events_.push(agent_event::Welcomed{std::move(welcome)});
  ping_if_due(now);
}

void AgentSession::on_registered(wire::Registered& message) {
  // A claim that is not held was withdrawn while this message was on its way.
  if (std::find(claims_.begin(), claims_.end(), message.claim) == claims_.end()) return;
  events_.push(agent_event::ServiceRegistered{std::move(message)});
}

void AgentSession::on_refused(wire::Refused& refused) {
  if (refused.claim == 0) {
    enter(State::closed);
    events_.push(agent_event::SessionRefused{to_refusal(refused)});
    return;
  }
  if (state_ == State::waiting) return fail_peer(Reason::protocol_error, "a claim was refused before the welcome");
  const std::uint32_t claim = refused.claim;
  if (drop_claim(claim)) events_.push(agent_event::ServiceRefused{claim, to_refusal(refused)});
}

bool AgentSession::offers(std::uint32_t candidate) const {
  return std::find(candidates_.begin(), candidates_.end(), candidate) != candidates_.end();
}

// What is not offered was withdrawn while the message was on its way.
void AgentSession::on_nonce(const wire::VerifyNonce& nonce) {
  if (offers(nonce.candidate)) events_.push(agent_event::NonceToProve{nonce});
}

void AgentSession::on_verified(wire::Verified& verified) {
  if (offers(verified.candidate))
    events_.push(agent_event::CandidateJudged{verified.candidate, std::move(verified.code)});
}

void AgentSession::on_ping(const wire::Ping& ping, TimePoint now) {
  keepalive_->on_peer_ping(now);
  send(wire::Pong{ping.id});
}

void AgentSession::on_pong(const wire::Pong& pong, TimePoint now) {
  const PongResult result = keepalive_->on_pong(pong.id, now);
  if (result.rtt) events_.push(agent_event::RttMeasured{*result.rtt});
  if (result.probe_answered) events_.push(agent_event::ProbeAnswered{});
}

bool AgentSession::drop_claim(std::uint32_t claim) {
  return std::erase(claims_, claim) > 0;
}

std::optional<TimePoint> AgentSession::deadline() const {
  switch (state_) {
    case State::waiting:
      return welcome_deadline_;
    case State::active:
      return keepalive_->deadline();
    case State::closing:
    case State::closed:
      break;
  }
  return std::nullopt;
}

void AgentSession::on_time(TimePoint now) {
  if (state_ == State::waiting && now >= welcome_deadline_) {
    return fail_dead(Reason::welcome_timeout, "no welcome in time");
  }
  if (state_ != State::active) return;
  if (keepalive_->dead(now)) return fail_dead(Reason::ping_timeout, "the server does not answer pings");
  ping_if_due(now);
}

void AgentSession::ping_if_due(TimePoint now) {
  if (const auto id = keepalive_->take_ping(now)) send(wire::Ping{*id});
}

bool AgentSession::finished() const {
  return state_ == State::closed || (state_ == State::closing && output().empty());
}

void AgentSession::register_service(const wire::Register& request) {
  if (over()) return;
  CHECK(state_ == State::active);
  CHECK(request.claim != 0);
  if (std::find(claims_.begin(), claims_.end(), request.claim) == claims_.end()) claims_.push_back(request.claim);
  send(request);
}

void AgentSession::unregister(std::uint32_t claim, Reason reason) {
  if (state_ != State::active || !drop_claim(claim)) return;
  send(wire::Unregister{claim, std::string(reason_code(reason))});
}

void AgentSession::offer(const wire::EndpointCandidate& candidate) {
  if (state_ != State::active) return;
  CHECK(candidate.candidate != 0);
  if (!offers(candidate.candidate)) {
    if (candidates_.size() >= kMaxCandidates) return;
    candidates_.push_back(candidate.candidate);
  }
  send(candidate);
}

void AgentSession::withdraw(std::uint32_t candidate, Reason reason) {
  if (state_ != State::active || std::erase(candidates_, candidate) == 0) return;
  send(wire::CandidateWithdrawn{candidate, std::string(reason_code(reason))});
}

void AgentSession::drain(Duration within) {
  if (state_ == State::active) send(drain_message(within));
}

void AgentSession::probe(TimePoint now, TimePoint deadline) {
  if (state_ == State::active) send(wire::Ping{keepalive_->probe(now, deadline)});
}

void AgentSession::send(const wire::ControlMessage& message) {
  if (!stream_.send(message)) fail_dead(Reason::not_reading, "the server does not read its control channel");
}

void AgentSession::fail_peer(Reason reason, std::string detail) {
  send(refused_message(0, reason, 0s, detail));
  if (over()) return;
  enter(State::closing);
  events_.push(agent_event::Failed{reason, std::move(detail)});
}

void AgentSession::fail_dead(Reason reason, std::string detail) {
  enter(State::closed);
  events_.push(agent_event::Failed{reason, std::move(detail)});
}

}  // namespace fairlead::core
