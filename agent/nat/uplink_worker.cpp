#include "agent/nat/uplink_worker.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/base/ip_scope.h"

namespace fairlead::agent::nat {
namespace {

bool is_silence(GatewayFailure failure) {
  return failure == GatewayFailure::absent || failure == GatewayFailure::late || failure == GatewayFailure::broken;
}

}  // namespace

UplinkWorker::UplinkWorker(Environment& environment, Rng& rng, MappingSetup setup, Clock clock,
                           std::function<void()> on_change)
    : rng_(rng), clock_(clock), since_(clock()), on_change_(std::move(on_change)), mapping_(std::move(setup), rng) {
  for (const MappingProtocol protocol : mapping_.setup().protocols) {
    at(protocol).client = environment.make_client(protocol, uplink());
  }
  // For deletions alone, where a protocol was switched off since.
  for (const MappingRecord& record : mapping_.setup().known) {
    if (!at(record.protocol).client) at(record.protocol).client = environment.make_client(record.protocol, uplink());
  }
}

void UplinkWorker::start() {
  for (const MappingProtocol protocol : mapping_.setup().protocols) {
    if (at(protocol).client) {
      look(protocol, kFirstPatience);
    } else {
      mapping_.on_absent(protocol, clock_());
    }
  }
}

void UplinkWorker::look(MappingProtocol protocol, Duration patience) {
  Protocol& state = at(protocol);
  state.look = state.look == Protocol::Look::never ? Protocol::Look::first : Protocol::Look::under_way;
  state.looked_at = clock_();
  state.client->look(patience, [this, protocol](const Looked& looked) {
    on_looked(protocol, looked);
    on_change_();
  });
}

// Whatever answers is there, also when it has only bad news: a request will tell what is wrong with it.
void UplinkWorker::on_looked(MappingProtocol protocol, const Looked& looked) {
  Protocol& state = at(protocol);
  state.look = Protocol::Look::idle;
  state.present = looked.has_value() || !is_silence(looked.error().failure);
  if (looked) {
    state.facts = *looked;
    state.error.reset();
    lend_address(state.facts);
  } else {
    state.error = looked.error();
  }
  if (state.present) {
    state.absences = 0;
    state.unanswered = 0;
    mapping_.on_present(protocol, looked ? looked->epoch : std::nullopt, clock_());
  } else {
    put_off_look(state);
    mapping_.on_absent(protocol, clock_());
  }
}

// A gateway that does not tell its outside address by one protocol may tell it by another.
void UplinkWorker::lend_address(const GatewayFacts& facts) {
  if (seen_ || !facts.external || scope_of(*facts.external) != IpScope::global) return;
  mapping_.on_outside_address(*facts.external, clock_());
}

void UplinkWorker::on_seen(const IpAddress& outside) {
  if (scope_of(outside) != IpScope::global) return;
  seen_ = true;
  mapping_.on_outside_address(outside, clock_());
}

// A protocol that was once there comes back sooner or later: it is never left alone for an hour.
void UplinkWorker::put_off_look(Protocol& state) {
  const bool known = !state.facts.version.empty();
  const std::size_t last = known ? kLookAgain.size() - 2 : kLookAgain.size() - 1;
  state.look_again = clock_() + kLookAgain[std::min(state.absences, last)];
  ++state.absences;
}

void UplinkWorker::look_soon(Protocol& state) {
  if (!state.client || state.present || state.look != Protocol::Look::idle) return;
  const Duration jitter = kLossWait * static_cast<Duration::rep>(rng_.below(1001)) / 1000;
  const TimePoint when = std::max(clock_() + jitter, state.looked_at + kLookSpacing);
  state.look_again = std::min(state.look_again, when);
}

void UplinkWorker::on_announcement(std::optional<std::uint32_t> epoch) {
  mapping_.on_announcement(epoch, clock_());
  for (Protocol& state : protocols_) look_soon(state);
}

void UplinkWorker::on_network_changed() {
  mapping_.on_network_changed(clock_());
  for (Protocol& state : protocols_) look_soon(state);
}

void UplinkWorker::stop() {
  life_ = Life::stopping;
  mapping_.stop(clock_());
  for (Protocol& state : protocols_) {
    if (state.look != Protocol::Look::first && state.look != Protocol::Look::under_way) continue;
    state.client->cancel();
    state.look = Protocol::Look::idle;
    const bool awaited = request_ && &at(request_->protocol) == &state;
    if (awaited) on_answer(tl::unexpected(GatewayError{GatewayFailure::late, "stopped"}));
  }
}

void UplinkWorker::cancel() {
  for (Protocol& state : protocols_) {
    if (state.client) state.client->cancel();
  }
  if (request_) on_answer(tl::unexpected(GatewayError{GatewayFailure::late, "given up"}));
}

void UplinkWorker::on_time() {
  const TimePoint now = clock_();
  mapping_.on_time(now);
  if (life_ == Life::stopping) return;
  for (const MappingProtocol protocol : mapping_.setup().protocols) {
    if (may_look(protocol) && now >= at(protocol).look_again)
      look(protocol, protocol == MappingProtocol::upnp ? kUpnpPatience : kLookPatience);
  }
}

std::optional<TimePoint> UplinkWorker::look_due() const {
  std::optional<TimePoint> due;
  if (life_ == Life::stopping) return due;
  for (const MappingProtocol protocol : mapping_.setup().protocols) {
    if (!may_look(protocol)) continue;
    const TimePoint when = at(protocol).look_again;
    due = due ? std::min(*due, when) : when;
  }
  return due;
}

// A client does one thing at a time, and a request may be under way with one that counts as absent.
bool UplinkWorker::may_look(MappingProtocol protocol) const {
  const Protocol& state = at(protocol);
  const bool busy = request_ && request_->protocol == protocol;
  return state.client && !state.present && state.look == Protocol::Look::idle && !busy;
}

bool UplinkWorker::take_request() {
  CHECK(!request_);
  request_ = mapping_.take_command(clock_());
  return request_.has_value();
}

void UplinkWorker::send() {
  CHECK(request_);
  const Protocol& state = at(request_->protocol);
  const bool lost_touch = state.unanswered >= kRediscoverAfter && request_->kind == MappingCommand::Kind::map;
  if (lost_touch && life_ == Life::running) return rediscover();
  send_now();
}

// Looks for the gateway again before it is asked again: its control URL may be another one now.
void UplinkWorker::rediscover() {
  Protocol& state = at(request_->protocol);
  state.look = Protocol::Look::under_way;
  state.looked_at = clock_();
  state.client->look(kRediscoverPatience, [this, protocol = request_->protocol](const Looked& looked) {
    Protocol& found = at(protocol);
    found.look = Protocol::Look::idle;
    if (!looked && is_silence(looked.error().failure)) {
      on_answer(tl::unexpected(GatewayError{GatewayFailure::absent, looked.error().detail}));
      return on_change_();
    }
    if (looked) found.facts = *looked;
    found.unanswered = 0;
    send_now();
  });
}

void UplinkWorker::send_now() {
  GatewayClient& client = *at(request_->protocol).client;
  const auto answered = [this](const Answer& answer) {
    on_answer(answer);
    on_change_();
  };
  if (request_->kind == MappingCommand::Kind::map) {
    client.map(request_->request, answered);
  } else {
    client.unmap(request_->request, answered);
  }
}

void UplinkWorker::on_answer(const Answer& answer) {
  const MappingCommand asked = *std::exchange(request_, std::nullopt);
  Protocol& state = at(asked.protocol);
  if (answer) {
    state.unanswered = 0;
    // A deletion that went well is no answer to what went wrong before it.
    if (asked.kind == MappingCommand::Kind::map) state.error.reset();
  } else {
    state.unanswered = is_silence(answer.error().failure) ? state.unanswered + 1 : 0;
    state.error = answer.error();
  }
  mapping_.on_answer(answer, clock_());
  if (answer && asked.kind == MappingCommand::Kind::map && !mapping_.standing()) {
    state.error =
        GatewayError{GatewayFailure::lifetime_refused, fmt::format("granted for {} s only", answer->lifetime.count())};
  }
  // A renewal that finds nobody leaves the mapping as it is: it is retried. Otherwise the protocol counts as absent.
  const bool absent = !answer && answer.error().failure == GatewayFailure::absent;
  if (!absent || mapping_.standing() || asked.kind != MappingCommand::Kind::map) return;
  state.present = false;
  state.look = Protocol::Look::idle;
  put_off_look(state);
}

bool UplinkWorker::settled() const {
  const auto looking_first = [](const Protocol& state) { return state.client && state.look == Protocol::Look::first; };
  if (request_ || std::ranges::any_of(protocols_, looking_first)) return false;
  const auto due = mapping_.deadline();
  return !due || *due > clock_();
}

ProtocolReport UplinkWorker::report(MappingProtocol protocol) const {
  const Protocol& state = at(protocol);
  ProtocolReport report{ProtocolReport::State::off, state.facts, state.error};
  const auto& configured = mapping_.setup().protocols;
  if (!state.client || std::ranges::find(configured, protocol) == configured.end()) return report;
  if (mapping_.standing() && mapping_.standing()->protocol == protocol) {
    report.state = ProtocolReport::State::mapped;
  } else if (state.look == Protocol::Look::never || state.look == Protocol::Look::first) {
    report.state = ProtocolReport::State::looking;
  } else if (!state.present) {
    report.state = ProtocolReport::State::absent;
  } else {
    report.state = state.error ? ProtocolReport::State::failed : ProtocolReport::State::present;
  }
  return report;
}

UplinkReport UplinkWorker::report() const {
  return {uplink(), report(MappingProtocol::pcp), report(MappingProtocol::nat_pmp), report(MappingProtocol::upnp),
          mapping_.problem()};
}

}  // namespace fairlead::agent::nat
