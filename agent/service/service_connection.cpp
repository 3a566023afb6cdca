#include "agent/service/service_connection.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/core/relay_verdict.h"
#include "common/net/socket.h"

namespace fairlead::agent {
namespace {

// What a relay's end says against the target, judged as a rendezvous does; nothing where the caller is to blame.
std::optional<Error> fault_of(const core::RelayEnd& end) {
  const Error silent{Reason::target_timeout, "it took the connection and did not answer"};
  if (end.reason == Reason::first_flight_timeout && end.service_bytes == 0) return silent;
  const Reason told = core::reason_told(end);
  const bool own = TargetHealth::concerns_target(told);
  switch (core::judge_relay(end)) {
    case core::RelayVerdict::served:
      return std::nullopt;
    case core::RelayVerdict::nothing:
      return own ? Error{told, std::string(reason_text(told).cause)} : silent;
    case core::RelayVerdict::neither:
      break;
  }
  return own ? std::optional(Error{told, std::string(reason_text(told).cause)}) : std::nullopt;
}

// Of a plain service, which may say little, or nothing at all: only what it did to the connection counts.
std::optional<Error> plain_fault_of(const net::RelayOutcome& outcome) {
  if (outcome.reason == Reason::service_not_http || outcome.reason == Reason::service_unanswered) {
    return Error{outcome.reason, std::string(reason_text(outcome.reason).cause)};
  }
  if (outcome.reason != Reason::service_reset || outcome.service_bytes > 0) return std::nullopt;
  return Error{outcome.reason, "it reset the connection without a word"};
}

}  // namespace

ServiceConnection::ServiceConnection(ServiceTools tools, ServiceConnectionOwner& owner, ServiceCall call,
                                     const ServiceConfig& service, const ServiceTerms& terms)
    : tools_(tools),
      owner_(owner),
      call_(std::move(call)),
      service_(service.name),
      tls_(service.tls),
      proxy_protocol_(service.proxy_protocol),
      protocol_(service.protocol),
      terms_(terms),
      started_(tools.loop().now()) {
  dial_.emplace(tools, service.target, terms.share.buffers,
                [this](Result<net::Connection> target) { on_target(std::move(target)); });
  call_.client.retarget(*this);
}

void ServiceConnection::start() {
  dial_->start(terms_.reach_within);
}

void ServiceConnection::enter(State next) {
  switch (state_) {
    case State::reaching:
      CHECK(next == State::relaying || next == State::ended);
      break;
    case State::relaying:
      CHECK(next == State::ended);
      break;
    case State::ended:
      CHECK(false);
  }
  state_ = next;
}

void ServiceConnection::on_ready(net::Readiness ready) {
  if (state_ != State::reaching || !ready.hung_up) return;
  call_.client.reset();
  end_unreached(ready.failed ? Reason::client_reset : Reason::client_closed, "the caller left");
}

void ServiceConnection::on_target(Result<net::Connection> target) {
  dial_.reset();
  if (!target) return end_unreached(target.error().reason, target.error().detail);
  if (comes_from_us()) return end_unreached(Reason::relay_loop, "its target leads back to this agent");
  if (const auto local = net::local_address(target->fd.get())) place_ = tools_.loops.enter({*local, target->peer});
  tools_.health.connected(service_, tools_.loop().now());
  target_ = target->peer;
  if (tls_ == Tls::terminate) return terminate(std::move(target->fd));
  relay(std::move(target->fd));
}

void ServiceConnection::relay(net::PolledFd target) {
  net::RelayEnds ends;
  ends.to_service = service_preamble(proxy_protocol_, call_.caller, target.get(), call_.bytes);
  ahead_ = ends.to_service.size();
  ends.to_client_prefix = owner_.on_service_reached();
  ends.client = std::move(call_.client);
  ends.service = std::move(target);
  call_.bytes = Bytes();
  enter(State::relaying);
  relay_.emplace(tools_.relay, std::move(ends), terms_.relay, *this);
}

// Our own words stand in front of TLS, in clear.
void ServiceConnection::terminate(net::PolledFd target) {
  tls::TlsServerContext* context = tools_.terminations.find(service_);
  if (context == nullptr) return end_unreached(Reason::unknown_service, "a reload took it away");
  auto engine = tls::TlsEngine::server(*context);
  if (!engine) return end_unreached(engine.error().reason, engine.error().detail);
  const Bytes words = owner_.on_service_reached();
  const auto said = net::write_some(call_.client.get(), words);
  if (!words.empty() && (!said || said->value_or(0) != words.size())) {
    call_.client.reset();
    return end_unreached(Reason::client_closed, "the caller left");
  }
  enter(State::relaying);
  terminated_ = std::make_unique<TerminatedConnection>(tools_.relay, *this,
                                                       TerminatedCall{.client = std::move(call_.client),
                                                                      .target = std::move(target),
                                                                      .engine = std::move(*engine),
                                                                      .bytes = std::move(call_.bytes),
                                                                      .caller = call_.caller,
                                                                      .proxy_protocol = proxy_protocol_,
                                                                      .protocol = protocol_,
                                                                      .own_id = context->credentials().spiffe_id()},
                                                       TerminatedTerms{terms_.handshake_within, terms_.relay});
  terminated_->start();
}

bool ServiceConnection::comes_from_us() const {
  const auto met_at = net::local_address(call_.client.get());
  return met_at && tools_.loops.is_ours({call_.caller.address, *met_at});
}

void ServiceConnection::close(Reason reason) {
  if (state_ == State::reaching) return end_unreached(reason, "");
  if (state_ != State::relaying) return;
  terminated_ ? terminated_->close(reason) : relay_->close(reason);
}

void ServiceConnection::keep_alive(Duration idle) {
  if (state_ != State::relaying) return;
  terminated_ ? terminated_->keep_alive(idle) : relay_->keep_alive(core::Side::client, idle);
}

void ServiceConnection::on_relay_ended(net::Relay& /*relay*/, const net::RelayOutcome& outcome) {
  enter(State::ended);
  place_ = {};
  judge_relayed(outcome);
  owner_.on_service_ended({.outcome = outcome, .detail = "", .caller = "", .client = {}});
}

// Of a caller who was not let in the target has heard nothing.
void ServiceConnection::on_terminated_ended(TerminatedEnd end) {
  enter(State::ended);
  place_ = {};
  if (end.relayed) judge(plain_fault_of(end.outcome), end.answered, end.answered ? end.outcome.service_bytes : 0);
  owner_.on_service_ended(
      {.outcome = end.outcome, .detail = std::move(end.detail), .caller = std::move(end.caller), .client = {}});
}

void ServiceConnection::judge_relayed(const net::RelayOutcome& outcome) {
  const auto fault = fault_of({.reason = outcome.reason,
                               .client_bytes = outcome.client_bytes - std::min(outcome.client_bytes, ahead_),
                               .service_bytes = outcome.service_bytes,
                               .lasted = outcome.lasted});
  judge(fault, outcome.service_bytes >= core::kShortestServerHello, outcome.service_bytes);
}

// What the caller did to itself says nothing about the target.
void ServiceConnection::judge(const std::optional<Error>& fault, bool served, std::uint64_t service_bytes) {
  const TimePoint now = tools_.loop().now();
  if (fault) {
    tools_.health.failed(service_, fault->reason, fault->detail, now);
    if (service_bytes == 0 && target_.port != 0) tools_.addresses.failed(target_, now);
  } else if (served) {
    tools_.health.served(service_, now);
  }
}

void ServiceConnection::end_unreached(Reason reason, std::string detail) {
  enter(State::ended);
  place_ = {};
  dial_.reset();
  ServiceEnd end{.outcome = {.reason = reason, .lasted = tools_.loop().now() - started_},
                 .detail = std::move(detail),
                 .caller = "",
                 .client = std::move(call_.client)};
  tools_.health.failed(service_, reason, end.detail, tools_.loop().now());
  owner_.on_service_ended(std::move(end));
}

}  // namespace fairlead::agent
