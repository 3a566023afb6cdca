#include "common/core/server_session.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/core/overloaded.h"

namespace fairlead::core {

ServerSession::ServerSession(TimePoint now) : ControlSession("agent", now + kHelloTimeout) {}

void ServerSession::push(SharedEvent event) {
  std::visit([this](auto& each) { events_.push(std::move(each)); }, event);
}

void ServerSession::on_message(wire::ControlMessage& message, TimePoint now) {
  if (state() == State::opening) {
    auto* const hello = std::get_if<wire::Hello>(&message);
    if (hello == nullptr) return fail_peer(Reason::protocol_error, "the first message is not hello");
    return on_hello(*hello);
  }
  if (std::holds_alternative<wire::Skipped>(message)) return;
  if (auto* const refused = std::get_if<wire::Refused>(&message)) return on_refused(*refused);
  if (state() == State::deciding) return fail_peer(Reason::protocol_error, "a message before the welcome");

  std::visit(Overloaded{
                 [&](wire::Register& m) { on_register(m, now); },
                 [&](wire::Unregister& m) { on_unregister(m); },
                 [&](wire::EndpointCandidate& m) { on_candidate(m, now); },
                 [&](wire::CandidateWithdrawn& m) { on_withdrawn(m); },
                 [&](wire::Renew& m) { on_renew(m, now); },
                 [&](auto&) { on_shared_message(message, now); },
             },
             message);
}

void ServerSession::on_open_late() {
  fail_peer(Reason::hello_timeout, "no hello in time");
}

void ServerSession::on_hello(wire::Hello& hello) {
  if (hello.version < wire::kOldestControlVersion) {
    return fail_peer(Reason::version_unsupported, "the agent's protocol version is too old for this server");
  }
  agent_version_ = hello.version;
  agent_features_ = hello.features;
  enter(State::deciding);
  events_.push(server_event::HelloReceived{std::move(hello)});
}

void ServerSession::on_register(wire::Register& request, TimePoint now) {
  if (request.claim == 0) return fail_peer(Reason::protocol_error, "a registration without a claim number");
  const bool held = std::find(claims_.begin(), claims_.end(), request.claim) != claims_.end();
  if (!held && claims_.size() >= services_max_) {
    events_.push(server_event::ClaimRefused{request.claim, Reason::services_max});
    send(refused_message(request.claim, Reason::services_max, kServicesMaxRetry, {}));
    return spend_refusal(now);
  }
  if (!registers_->take(now)) {
    // For the agent a refused claim is gone, so what it stood for must go as well.
    if (drop_claim(request.claim)) {
      events_.push(server_event::Unregistered{request.claim, std::string(reason_code(Reason::register_rate))});
    }
    events_.push(server_event::ClaimRefused{request.claim, Reason::register_rate});
    send(refused_message(request.claim, Reason::register_rate, kRegisterRateRetry, {}));
    return spend_refusal(now);
  }
  if (!held) claims_.push_back(request.claim);
  events_.push(server_event::RegisterRequested{std::move(request)});
}

void ServerSession::on_unregister(wire::Unregister& message) {
  // A claim that is not held was refused while this message was on its way.
  if (!drop_claim(message.claim)) return;
  events_.push(server_event::Unregistered{message.claim, std::move(message.code)});
}

bool ServerSession::holds_candidate(std::uint32_t candidate) const {
  return std::find(candidates_.begin(), candidates_.end(), candidate) != candidates_.end();
}

void ServerSession::on_candidate(wire::EndpointCandidate& candidate, TimePoint now) {
  if (candidate.candidate == 0) return fail_peer(Reason::protocol_error, "a candidate without a number");
  const bool held = holds_candidate(candidate.candidate);
  const auto refuse = [&](Reason reason) {
    if (std::erase(candidates_, candidate.candidate) > 0) {
      events_.push(server_event::CandidateWithdrawn{candidate.candidate, std::string(reason_code(reason))});
    }
    send(wire::Verified{candidate.candidate, std::string(reason_code(reason))});
    spend_refusal(now);
  };
  if (!held && candidates_.size() >= kMaxCandidates) return refuse(Reason::candidates_max);
  if (!offers_->take(now)) return refuse(Reason::verify_busy);
  if (!held) candidates_.push_back(candidate.candidate);
  events_.push(server_event::CandidateOffered{std::move(candidate)});
}

void ServerSession::spend_refusal(TimePoint now) {
  if (over() || refusals_->take(now)) return;
  const char* const why = "it asks again and again for what it is refused";
  tell_and_close(Reason::refusals_max, kRefusalsPause, why);
  if (over()) events_.push(server_event::Failed{Reason::refusals_max, why});
}

void ServerSession::on_withdrawn(wire::CandidateWithdrawn& message) {
  if (std::erase(candidates_, message.candidate) == 0) return;
  events_.push(server_event::CandidateWithdrawn{message.candidate, std::move(message.code)});
}

void ServerSession::on_renew(wire::Renew& request, TimePoint now) {
  if (owes_renewal_ || !renewals_->take(now)) {
    send(wire::renewal_refused(Reason::join_busy, kRenewalRetry));
    return spend_refusal(now);
  }
  owes_renewal_ = true;
  events_.push(server_event::RenewalRequested{std::move(request.csr)});
}

// The agent cannot go on with us and says why; of single claims it has nothing to refuse.
void ServerSession::on_refused(const wire::Refused& message) {
  if (message.claim != 0) return fail_peer(Reason::protocol_error, "an agent refused a claim");
  fail_dead(find_reason(message.code).value_or(Reason::protocol_error),
            "the agent ended the session: " + message.detail);
}

bool ServerSession::drop_claim(std::uint32_t claim) {
  return std::erase(claims_, claim) > 0;
}

void ServerSession::welcome(wire::Welcome message, TimePoint now) {
  if (over()) return;
  const std::chrono::milliseconds interval(message.ping_interval_ms);
  CHECK(interval >= kPingIntervalLeast);
  message.version = std::min(wire::kControlVersion, agent_version_);
  message.features &= agent_features_;
  services_max_ = message.services_max;
  registers_.emplace(std::max<double>(services_max_, 1), kRegistersPerSecond, now);
  refusals_.emplace(kRefusalsBurst, kRefusalsPerSecond, now);
  renewals_.emplace(kRenewalsBurst, kRenewalsPerSecond, now);
  offers_.emplace(kMaxCandidates, kCandidatesPerSecond, now);
  enter_active(PingRole::leads, interval, now);
  send(message);
  if (active()) ping_if_due(now);
}

void ServerSession::refuse_session(Reason reason, Duration retry_after, std::string detail) {
  if (over()) return;
  tell_and_close(reason, retry_after, std::move(detail));
}

void ServerSession::registered(const wire::Registered& message) {
  if (!active()) return;
  if (std::find(claims_.begin(), claims_.end(), message.claim) != claims_.end()) send(message);
}

void ServerSession::refuse(std::uint32_t claim, Reason reason, Duration retry_after, std::string detail) {
  if (!active() || !drop_claim(claim)) return;
  send(refused_message(claim, reason, retry_after, std::move(detail)));
}

void ServerSession::open_channels(std::uint16_t count) {
  if (active() && count > 0) send(wire::OpenChannels{count});
}

void ServerSession::set_pool_size(std::uint16_t size) {
  if (active()) send(wire::PoolSize{size});
}

void ServerSession::demand_proof(const wire::VerifyNonce& nonce) {
  if (active() && holds_candidate(nonce.candidate)) send(nonce);
}

void ServerSession::verified(std::uint32_t candidate, std::string code) {
  if (active() && holds_candidate(candidate)) send(wire::Verified{candidate, std::move(code)});
}

void ServerSession::renewed(const wire::Renewed& answer) {
  CHECK(wire::is_sendable(answer));
  if (active() && std::exchange(owes_renewal_, false)) send(answer);
}

}  // namespace fairlead::core
