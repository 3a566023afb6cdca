#include "common/core/agent_session.h"

#include <algorithm>
#include <utility>

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
    : ControlSession("server", now + kWelcomeTimeout),
      ping_interval_(std::clamp<Duration>(ping_interval, kPingIntervalLeast, kPingIntervalMost)) {
  hello.version = wire::kControlVersion;
  send(hello);
}

void AgentSession::push(SharedEvent event) {
  std::visit([this](auto& each) { events_.push(std::move(each)); }, event);
}

void AgentSession::on_message(wire::ControlMessage& message, TimePoint now) {
  if (std::holds_alternative<wire::Skipped>(message)) return;
  if (auto* const refused = std::get_if<wire::Refused>(&message)) return on_refused(*refused);
  if (state() == State::opening) {
    auto* const welcome = std::get_if<wire::Welcome>(&message);
    if (welcome == nullptr) return fail_peer(Reason::protocol_error, "the first message is not welcome");
    return on_welcome(*welcome, now);
  }
  std::visit(Overloaded{
                 [&](wire::Registered& m) { on_registered(m); },
                 [&](wire::OpenChannels& m) { events_.push(agent_event::OpenChannels{m.count}); },
                 [&](wire::PoolSize& m) { events_.push(agent_event::PoolSizeChanged{m.size}); },
                 [&](wire::VerifyNonce& m) { on_nonce(m); },
                 [&](wire::Verified& m) { on_verified(m); },
                 [&](wire::Renewed& m) { on_renewed(m); },
                 [&](auto&) { on_shared_message(message, now); },
             },
             message);
}

void AgentSession::on_open_late() {
  fail_dead(Reason::welcome_timeout, "no welcome in time");
}

void AgentSession::on_welcome(wire::Welcome& welcome, TimePoint now) {
  if (welcome.version < wire::kOldestControlVersion || welcome.version > wire::kControlVersion) {
    return fail_peer(Reason::version_unsupported, "the server chose a protocol version that this agent does not speak");
  }
  const Duration wished = std::chrono::milliseconds(welcome.ping_interval_ms);
  const PingRole role = wished <= ping_interval_ ? PingRole::follows : PingRole::leads;
  enter_active(role, std::clamp<Duration>(wished, kPingIntervalLeast, ping_interval_), now);
  features_ = welcome.features;
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
  if (!active()) return fail_peer(Reason::protocol_error, "a claim was refused before the welcome");
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

void AgentSession::on_renewed(wire::Renewed& answer) {
  if (!std::exchange(awaits_renewal_, false)) return;
  events_.push(agent_event::Renewed{std::move(answer)});
}

bool AgentSession::drop_claim(std::uint32_t claim) {
  return std::erase(claims_, claim) > 0;
}

void AgentSession::register_service(const wire::Register& request) {
  if (over()) return;
  CHECK(active());
  CHECK(request.claim != 0);
  if (std::find(claims_.begin(), claims_.end(), request.claim) == claims_.end()) claims_.push_back(request.claim);
  send(request);
}

void AgentSession::unregister(std::uint32_t claim, Reason reason) {
  if (!active() || !drop_claim(claim)) return;
  send(wire::Unregister{claim, std::string(reason_code(reason))});
}

void AgentSession::offer(const wire::EndpointCandidate& candidate) {
  if (!active()) return;
  CHECK(candidate.candidate != 0);
  if (!offers(candidate.candidate)) {
    if (candidates_.size() >= kMaxCandidates) return;
    candidates_.push_back(candidate.candidate);
  }
  send(candidate);
}

void AgentSession::withdraw(std::uint32_t candidate, Reason reason) {
  if (!active() || std::erase(candidates_, candidate) == 0) return;
  send(wire::CandidateWithdrawn{candidate, std::string(reason_code(reason))});
}

void AgentSession::renew(Bytes csr) {
  if (!may_renew()) return;
  awaits_renewal_ = true;
  send(wire::Renew{std::move(csr)});
}

}  // namespace fairlead::core
