#include "agent/nat/mapping.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/ip_scope.h"

namespace fairlead::agent::nat {
namespace {

// An IPv4 host with a global address has no NAT to ask. An IPv6 one may have a firewall in front: a pinhole is asked
// for.
bool is_mapping_pointless(const Uplink& uplink) {
  return uplink.local.is_v4() && scope_of(uplink.local) == IpScope::global;
}

bool is_unspecified(const IpAddress& address) {
  return scope_of(address) == IpScope::unspecified;
}

}  // namespace

Mapping::Mapping(MappingSetup setup, Rng& rng)
    : setup_(std::move(setup)), rng_(rng), ports_(setup_.identity, setup_.external_port) {
  if (scope_of(setup_.uplink.local) == IpScope::global) own_ = OwnAddress::offered;
  if (is_mapping_pointless(setup_.uplink) || is_unspecified(setup_.uplink.gateway)) setup_.protocols.clear();
  if (!setup_.uplink.local.is_v4()) port_rule_ = Ports::same_only;  // a pinhole changes no port
  const SocketAddress internal{setup_.uplink.local, setup_.internal_port};
  for (const MappingRecord& record : setup_.known) {
    ProtocolState& protocol = at(record.protocol);
    const bool ours_again = record.internal == internal && !protocol.nonce;
    leave_behind(record, ours_again ? Leftover::Use::adopt : Leftover::Use::remove, TimePoint{}, TimePoint{});
    if (!ours_again) continue;
    protocol.nonce = record.nonce;
    protocol.held = record.external;
  }
}

void Mapping::enter(State next) {
  const bool stops = next == State::stopping;
  switch (state_) {
    case State::searching:
      CHECK(next == State::mapped || next == State::resting || stops);
      break;
    case State::mapped:
      CHECK(next == State::mapped || next == State::lost || next == State::repairing || next == State::pausing ||
            stops);
      break;
    case State::lost:
      CHECK(next == State::searching || next == State::mapped || next == State::resting || stops);
      break;
    case State::repairing:
    case State::resting:
    case State::pausing:
      CHECK(next == State::searching || stops);
      break;
    case State::stopping:
      CHECK(next == State::stopped);
      break;
    case State::stopped:
      CHECK(false);
  }
  CHECK(standing_.has_value() == (next == State::mapped));
  state_ = next;
}

void Mapping::wait_in(State next, TimePoint until) {
  enter(next);
  until_ = until;
}

bool Mapping::waiting() const {
  return state_ == State::lost || state_ == State::repairing || state_ == State::resting || state_ == State::pausing;
}

bool Mapping::configured(MappingProtocol protocol) const {
  return std::ranges::find(setup_.protocols, protocol) != setup_.protocols.end();
}

// The protocol to be asked: the first that is there and did not fail in this round; none while a preferred one is still
// being looked for.
std::optional<MappingProtocol> Mapping::choose() const {
  for (const MappingProtocol protocol : setup_.protocols) {
    const ProtocolState& state = at(protocol);
    if (state.failed || state.presence == Presence::absent) continue;
    return state.presence == Presence::present ? std::optional(protocol) : std::nullopt;
  }
  return std::nullopt;
}

void Mapping::on_present(MappingProtocol protocol, std::optional<std::uint32_t> epoch, TimePoint now) {
  ProtocolState& state = at(protocol);
  const bool is_new = std::exchange(state.presence, Presence::present) != Presence::present;
  const bool reset = epoch && state.epoch.on_epoch(protocol, *epoch, now) == EpochVerdict::reset;
  if (reset) check_soon(kCheckSpacing, now);
  if (is_new && state_ == State::resting) until_ = now;  // somebody else to ask
}

void Mapping::on_absent(MappingProtocol protocol, TimePoint now) {
  at(protocol).presence = Presence::absent;
  if (state_ == State::searching && !under_way_) end_round(now);
  stop_if_clean();
}

void Mapping::on_verified(std::optional<MappingProtocol> method, TimePoint now) {
  if (!method) {
    if (own_ == OwnAddress::offered) own_ = OwnAddress::verified;
    return;
  }
  if (!standing_ || standing_->protocol != *method) return;
  problem_.reset();
  if (standing_->verified_since) return;
  standing_->verified_since = now;
  tell({MappingEvent::Kind::verified, *method, standing_->request.external, standing_->lifetime, {}, {}});
}

void Mapping::on_unreachable(std::optional<MappingProtocol> method, TimePoint now) {
  if (!method) {
    if (own_ == OwnAddress::verified) own_ = OwnAddress::offered;
    return;
  }
  const auto offered = offer();
  if (standing_ && offered && offered->protocol == method) repair(now);
}

// The gateway said yes and nothing arrives: first the same port anew, then another one, then pauses without a mapping.
void Mapping::repair(TimePoint now) {
  const bool was_verified = standing_->verified_since.has_value();
  if (was_verified && now - *standing_->verified_since >= kProvedFor) {
    repairs_ = 0;
    pause_ = kFirstPause;
  }
  const MappingProtocol protocol = standing_->protocol;
  const SocketAddress external = standing_->request.external;
  leave_behind(record_of(*standing_), Leftover::Use::remove, now, now);
  standing_.reset();
  problem_ = Reason::mapping_unreachable;
  ++repairs_;
  const bool other_port = repairs_ == kPromptRepairs && next_port(protocol);
  if (repairs_ < kPromptRepairs || other_port) {
    wait_in(State::repairing, now + up_to(was_verified ? kRepairWait : kLossWait));
    tell({MappingEvent::Kind::unreachable, protocol, external, {}, Reason::mapping_unreachable, {}});
    return;
  }
  repairs_ = kPromptRepairs + 1;  // where no other port can be had, that step is left out
  wait_in(State::pausing, now + pause_ + up_to(pause_ / 8));
  pause_ = std::min(pause_ * 2, kLongestPause);
  tell({MappingEvent::Kind::paused, protocol, external, {}, Reason::mapping_unreachable, {}});
}

void Mapping::on_announcement(std::optional<std::uint32_t> epoch, TimePoint now) {
  if (!standing_ || !epoch) return check_soon(epoch ? kCheckSpacing : kNotifySpacing, now);
  const EpochVerdict verdict = at(standing_->protocol).epoch.judge(standing_->protocol, *epoch, now);
  // With a steady epoch it may say that the outside address changed (RFC 6886 §3.2.1), or repeat itself.
  check_soon(verdict == EpochVerdict::steady ? kNotifySpacing : kCheckSpacing, now);
}

void Mapping::on_network_changed(TimePoint now) {
  check_soon(kCheckSpacing, now);
}

void Mapping::on_outside_address(const IpAddress& address, TimePoint now) {
  if (outside_ == address || address.is_v4() != setup_.uplink.local.is_v4()) return;
  const bool moved = std::exchange(outside_, address).has_value();
  const bool wanting = standing_ && standing_->address != Standing::Address::told;
  if (!moved && !wanting) return;
  repairs_ = 0;
  pause_ = kFirstPause;
  const TimePoint when = last_check_ ? std::max(now, *last_check_ + kOutsideSpacing) : now;
  ask_at(when);
}

void Mapping::check_soon(Duration spacing, TimePoint now) {
  TimePoint when = now + up_to(kLossWait);
  if (last_check_) when = std::max(when, *last_check_ + spacing);
  ask_at(when);
}

void Mapping::ask_at(TimePoint when) {
  if (standing_ && when < standing_->renew_at) {
    standing_->renew_at = when;
    check_retry_ = kFirstRest;
    last_check_ = when;
  }
  if ((state_ == State::resting || state_ == State::pausing) && when < until_) {
    until_ = when;
    last_check_ = when;
  }
}

void Mapping::on_time(TimePoint now) {
  if (standing_ && standing_->expires && now >= *standing_->expires) {
    lose(Reason::mapping_late, "the lease ran out before the gateway renewed it", now);
  }
  if (waiting() && now >= until_) enter(State::searching);
  std::erase_if(leftovers_, [&](Leftover& left) {
    if (left.record.lifetime == 0s) return false;
    // What an earlier life left is not renewed by anybody: it is gone a lifetime after we first looked.
    if (!left.expires) left.expires = now + left.record.lifetime;
    return now >= *left.expires;
  });
  stop_if_clean();
}

void Mapping::stop(TimePoint now) {
  if (ending()) return;
  own_ = OwnAddress::hidden;
  if (standing_) leave_behind(record_of(*standing_), Leftover::Use::remove, now, now);
  standing_.reset();
  enter(State::stopping);
  stop_if_clean();
}

void Mapping::stop_if_clean() {
  if (state_ == State::stopping && !under_way_ && !removal_due()) enter(State::stopped);
}

bool Mapping::removable(const Leftover& left) const {
  const MappingRecord& record = left.record;
  // A protocol that was switched off since is not looked for, but what it left must go.
  if (configured(record.protocol) && at(record.protocol).presence != Presence::present) return false;
  // PCP and NAT-PMP know a client by its address: what was mapped under another one can only run out.
  if (record.internal.ip != setup_.uplink.local && record.protocol != MappingProtocol::upnp) return false;
  if (ending()) return left.last_tries == 0;
  if (left.use == Leftover::Use::remove || standing_) return true;
  const auto next = choose();
  return next && *next != record.protocol;
}

std::optional<MappingCommand> Mapping::take_removal(TimePoint now) {
  for (Leftover& left : leftovers_) {
    if (!removable(left) || (!ending() && now < left.not_before)) continue;
    if (ending()) ++left.last_tries;
    const MappingRecord& record = left.record;
    return issue(
        {MappingCommand::Kind::unmap,
         record.protocol,
         {record.internal.port, record.external, 0s, record.nonce, mapping_description(setup_.identity), true}});
  }
  return std::nullopt;
}

std::optional<MappingCommand> Mapping::take_command(TimePoint now) {
  if (under_way_) return std::nullopt;
  on_time(now);
  if (state_ == State::stopped) return std::nullopt;
  if (auto removal = take_removal(now)) return removal;
  if (standing_) {
    if (now < standing_->renew_at) return std::nullopt;
    return issue({MappingCommand::Kind::map, standing_->protocol, standing_->request});
  }
  if (state_ != State::searching) return std::nullopt;
  const auto protocol = choose();
  if (!protocol) return std::nullopt;
  return issue({MappingCommand::Kind::map, *protocol, make_request(*protocol)});
}

MappingCommand Mapping::issue(MappingCommand command) {
  CHECK(!under_way_);
  under_way_ = command;
  return command;
}

SocketAddress Mapping::wished(MappingProtocol protocol) const {
  if (port_rule_ == Ports::same_only) {
    const IpAddress any = setup_.uplink.local.is_v4() ? IpAddress() : setup_.uplink.local;
    return {any, setup_.internal_port};
  }
  if (at(protocol).held) return *at(protocol).held;
  return {IpAddress(), ports_.at(port_index_)};
}

MapRequest Mapping::make_request(MappingProtocol protocol) {
  ProtocolState& state = at(protocol);
  if (!state.nonce) rng_.fill(state.nonce.emplace());
  const SocketAddress external = wished(protocol);
  const bool remembered = state.held && state.held->port == external.port;
  return {setup_.internal_port,
          external,
          kLeaseLadder[state.ladder],
          *state.nonce,
          mapping_description(setup_.identity),
          remembered};
}

std::optional<TimePoint> Mapping::removal_due() const {
  std::optional<TimePoint> due;
  for (const Leftover& left : leftovers_) {
    if (!removable(left)) continue;
    const TimePoint when = ending() ? TimePoint{} : left.not_before;
    due = due ? std::min(*due, when) : when;
  }
  return due;
}

std::optional<TimePoint> Mapping::deadline() const {
  std::optional<TimePoint> due = standing_ ? standing_->expires : std::nullopt;
  const auto add = [&due](TimePoint when) { due = due ? std::min(*due, when) : when; };
  if (under_way_ || state_ == State::stopped) return due;
  if (const auto removal = removal_due()) add(*removal);
  if (standing_) add(standing_->renew_at);
  if (waiting()) add(until_);
  if (state_ == State::searching && choose()) add(TimePoint{});
  return due;
}

std::optional<MappingOffer> Mapping::offer() const {
  const bool mapped = standing_ && scope_of(standing_->request.external.ip) == IpScope::global;
  if (own_ == OwnAddress::verified || (own_ == OwnAddress::offered && !mapped)) {
    return MappingOffer{{setup_.uplink.local, setup_.internal_port}, std::nullopt};
  }
  if (!mapped) return std::nullopt;
  return MappingOffer{standing_->request.external, standing_->protocol};
}

bool Mapping::offer_verified() const {
  const auto offered = offer();
  if (!offered) return false;
  return offered->protocol ? standing_->verified_since.has_value() : own_ == OwnAddress::verified;
}

bool Mapping::unreliable() const {
  return repairs_ > kPromptRepairs && !(standing_ && standing_->verified_since);
}

MappingRecord Mapping::record_of(MappingProtocol protocol, const MapRequest& request) const {
  return {
      protocol,         setup_.uplink.interface, setup_.uplink.gateway, {setup_.uplink.local, request.internal_port},
      request.external, request.lifetime,        request.nonce,         {}};
}

MappingRecord Mapping::record_of(const Standing& standing) const {
  MappingRecord record = record_of(standing.protocol, standing.request);
  record.lifetime = standing.lifetime;
  return record;
}

bool Mapping::unwanted() const {
  return ending() || state_ == State::repairing || state_ == State::pausing;
}

std::vector<MappingRecord> Mapping::records() const {
  std::vector<MappingRecord> all;
  if (standing_) all.push_back(record_of(*standing_));
  for (const Leftover& left : leftovers_) all.push_back(left.record);
  // The first requests are known before they are sent. Those of later rounds are not: a gateway that refuses for weeks
  // would have the journal written as often as it is asked.
  const bool asking = !standing_ && under_way_ && under_way_->kind == MappingCommand::Kind::map;
  if (!asking || failed_rounds_ > 0) return all;
  const MappingRecord asked = record_of(under_way_->protocol, under_way_->request);
  const bool known = std::ranges::any_of(all, [&](const MappingRecord& r) {
    return r.protocol == asked.protocol && r.internal == asked.internal && r.external.port == asked.external.port;
  });
  if (!known) all.push_back(asked);
  return all;
}

Duration Mapping::up_to(Duration most) {
  return most * static_cast<Duration::rep>(rng_.below(1'000'001)) / 1'000'000;
}

}  // namespace fairlead::agent::nat
