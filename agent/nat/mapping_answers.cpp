// What the answers of a gateway mean to its mapping: the other half of mapping.cpp.
#include <algorithm>

#include "agent/nat/mapping.h"
#include "common/base/check.h"
#include "common/base/ip_scope.h"

namespace fairlead::agent::nat {
namespace {

// Why what the gateway calls granted is of no use; empty: it is.
std::string fault_of(MappingProtocol protocol, const MapGrant& grant) {
  if (grant.external.port == 0) return "granted external port 0";
  if (grant.lifetime == 0s && protocol == MappingProtocol::upnp) return {};
  if (grant.lifetime < kShortestLease) return "granted for " + std::to_string(grant.lifetime.count()) + " s only";
  return {};
}

// Whether the gateway may have made the mapping without our hearing of it.
bool is_outcome_unknown(GatewayFailure failure) {
  return failure == GatewayFailure::late || failure == GatewayFailure::broken || failure == GatewayFailure::absent;
}

// A gateway without an outside address refuses in as many ways as it has protocols ("no resources" by PCP); what names
// the cause is what a person should read.
bool is_telling(GatewayFailure failure) {
  return failure == GatewayFailure::wan_down || failure == GatewayFailure::address_mismatch;
}

Reason scope_problem(IpScope scope) {
  switch (scope) {
    case IpScope::private_use:
      return Reason::double_nat;
    case IpScope::shared:
      return Reason::cgnat;
    case IpScope::global:
    case IpScope::loopback:
    case IpScope::link_local:
    case IpScope::multicast:
    case IpScope::unspecified:
    case IpScope::reserved:
      return Reason::gateway_wan_down;
  }
  return Reason::gateway_wan_down;
}

bool same_tuple(const MappingRecord& a, const MappingRecord& b) {
  return a.protocol == b.protocol && a.internal == b.internal && a.external.port == b.external.port;
}

}  // namespace

void Mapping::on_answer(const tl::expected<MapGrant, GatewayError>& answer, TimePoint now) {
  CHECK(under_way_);
  const MappingCommand asked = *std::exchange(under_way_, std::nullopt);
  if (answer && answer->epoch) at(asked.protocol).epoch.on_epoch(asked.protocol, *answer->epoch, now);
  if (asked.kind == MappingCommand::Kind::unmap) {
    const bool foreign = !answer && (answer.error().failure == GatewayFailure::foreign_mapping ||
                                     answer.error().failure == GatewayFailure::conflict);
    on_unmap_answer(asked, answer || foreign ? Removal::gone : Removal::failed, now);
  } else {
    on_map_answer(asked, answer, now);
  }
  stop_if_clean();
}

void Mapping::on_map_answer(const MappingCommand& asked, const tl::expected<MapGrant, GatewayError>& answer,
                            TimePoint now) {
  if (!answer) return on_map_failure(asked, answer.error(), now);
  if (std::string fault = fault_of(asked.protocol, *answer); !fault.empty()) {
    if (!standing_ && answer->external.port != 0) {
      MappingRecord useless = record_of(asked.protocol, asked.request);
      useless.external = answer->external;
      leave_behind(useless, Leftover::Use::remove, now, now);
    }
    return on_map_failure(asked, {GatewayFailure::unsupported, std::move(fault)}, now);
  }
  on_grant(asked, *answer, now);
}

void Mapping::on_grant(const MappingCommand& asked, const MapGrant& grant, TimePoint now) {
  MapRequest request = asked.request;
  request.external = grant.external;
  request.remembered = true;
  const Standing::Address address = complete(request.external);
  if (unwanted()) {
    MappingRecord record = record_of(asked.protocol, request);
    record.lifetime = grant.lifetime;
    return leave_behind(record, Leftover::Use::remove, now, now);
  }
  const std::optional<Standing> before = std::exchange(standing_, std::nullopt);
  const bool same = before && before->protocol == asked.protocol && before->request.external == request.external;
  // PCP and NAT-PMP move a mapping; UPnP makes a second one.
  if (before && !same && asked.protocol == MappingProtocol::upnp) {
    leave_behind(record_of(*before), Leftover::Use::remove, now, now);
  }
  drop_replaced(record_of(asked.protocol, request));
  standing_ = Standing{asked.protocol,
                       request,
                       std::min(grant.lifetime, kLongestLease),
                       same ? before->since : now,
                       now,
                       {},
                       same ? before->verified_since : std::nullopt,
                       address};
  schedule_renewal(now);
  at(asked.protocol).held = request.external;
  for (ProtocolState& state : protocols_) state.failed.reset();
  conflicts_ = 0;
  failed_rounds_ = 0;
  rest_ = kFirstRest;
  check_retry_.reset();
  enter(State::mapped);
  if (!same) {
    const auto kind = before ? MappingEvent::Kind::moved : MappingEvent::Kind::mapped;
    tell({kind, asked.protocol, request.external, standing_->lifetime, {}, {}});
  }
  const IpScope scope = scope_of(request.external.ip);
  if (scope != IpScope::global) {
    set_problem(scope_problem(scope), "the gateway's outside address is not global", asked.protocol);
  } else if (repairs_ == 0) {
    problem_.reset();
  }
}

// A gateway that does not tell its outside address, often right after its start, may still have one.
Mapping::Standing::Address Mapping::complete(SocketAddress& external) const {
  if (scope_of(external.ip) != IpScope::unspecified) return Standing::Address::told;
  if (!outside_) return Standing::Address::unknown;
  external.ip = *outside_;
  return Standing::Address::borrowed;
}

// RFC 6887 §11.2.1: at a random point of [1/2, 5/8] of the granted lifetime, so that a network's renewals spread.
void Mapping::schedule_renewal(TimePoint now) {
  Standing& standing = *standing_;
  standing.expires.reset();
  standing.renew_at = now + kPermanentCheck;
  if (const Duration lifetime = standing.lifetime; lifetime != 0s) {
    standing.renew_at = now + lifetime / 2 + up_to(lifetime / 8);
    standing.expires = now + lifetime;
  }
  if (standing.address == Standing::Address::unknown) {
    standing.renew_at = std::min(standing.renew_at, now + kAddressRetry);
  } else if (standing.address == Standing::Address::borrowed) {
    standing.renew_at = std::min(standing.renew_at, now + kPermanentCheck);
  }
}

void Mapping::on_map_failure(const MappingCommand& asked, const GatewayError& error, TimePoint now) {
  if (unwanted()) {
    if (is_outcome_unknown(error.failure)) {
      leave_behind(record_of(asked.protocol, asked.request), Leftover::Use::remove, now, now);
    }
    return;
  }
  if (standing_) return on_renewal_failure(error, now);
  on_ask_failure(asked, error, now);
}

void Mapping::on_renewal_failure(const GatewayError& error, TimePoint now) {
  Standing& standing = *standing_;
  switch (error.failure) {
    case GatewayFailure::conflict:
    case GatewayFailure::foreign_mapping:  // it stands no more, and the port is somebody else's
      std::erase_if(leftovers_, [&](const Leftover& left) { return same_tuple(left.record, record_of(standing)); });
      next_port(standing.protocol);
      tell({MappingEvent::Kind::lost,
            standing.protocol,
            standing.request.external,
            {},
            reason_of(error.failure),
            error.detail});
      standing_.reset();
      return wait_in(State::lost, now + up_to(kLossWait));
    case GatewayFailure::only_permanent:
    case GatewayFailure::lifetime_refused:
      if (next_lease(standing.protocol, error.failure)) {
        standing.request.lifetime = kLeaseLadder[at(standing.protocol).ladder];
        standing.renew_at = now;
        return;
      }
      break;
    case GatewayFailure::absent:
    case GatewayFailure::late:
    case GatewayFailure::refused:
    case GatewayFailure::same_port_only:
    case GatewayFailure::exhausted:
    case GatewayFailure::wan_down:
    case GatewayFailure::address_mismatch:
    case GatewayFailure::unsupported:
    case GatewayFailure::broken:
      break;
  }
  Duration wait = standing.expires ? (*standing.expires - now) / 2 : kPermanentCheck;
  if (check_retry_) {
    wait = std::min(wait, *check_retry_);
    check_retry_ = std::min(*check_retry_ * 2, kLongestRest);
  }
  standing.renew_at = now + std::max(wait, kLeastRenewalGap);
}

void Mapping::on_ask_failure(const MappingCommand& asked, const GatewayError& error, TimePoint now) {
  const MappingRecord record = record_of(asked.protocol, asked.request);
  switch (error.failure) {
    case GatewayFailure::conflict:
    case GatewayFailure::foreign_mapping: {
      std::erase_if(leftovers_, [&](const Leftover& left) { return same_tuple(left.record, record); });
      const unsigned tries = failed_rounds_ == 0 ? kPortTries : 1;
      if (next_port(asked.protocol) && ++conflicts_ < tries) return;
      break;
    }
    case GatewayFailure::only_permanent:
    case GatewayFailure::lifetime_refused:
      if (next_lease(asked.protocol, error.failure)) return;
      break;
    case GatewayFailure::same_port_only:
      if (std::exchange(port_rule_, Ports::same_only) == Ports::any) return;
      break;
    case GatewayFailure::absent:
    case GatewayFailure::late:
    case GatewayFailure::broken:
      leave_behind(record, Leftover::Use::adopt, now + kFirstDeleteRetry, now);
      if (error.failure == GatewayFailure::absent) at(asked.protocol).presence = Presence::absent;
      break;
    case GatewayFailure::refused:
    case GatewayFailure::exhausted:
    case GatewayFailure::wan_down:
    case GatewayFailure::address_mismatch:
    case GatewayFailure::unsupported:
      break;
  }
  protocol_failed(asked.protocol, error, now);
}

// 402 asks for another lifetime, 725 for none at all. False: there is no further step for this protocol.
bool Mapping::next_lease(MappingProtocol protocol, GatewayFailure failure) {
  const std::size_t last = protocol == MappingProtocol::upnp ? kLeaseLadder.size() - 1 : kLeaseLadder.size() - 2;
  std::size_t& step = at(protocol).ladder;
  if (step >= last) return false;
  step = failure == GatewayFailure::only_permanent ? last : step + 1;
  return true;
}

// False: this gateway lets nobody choose.
bool Mapping::next_port(MappingProtocol protocol) {
  if (port_rule_ == Ports::same_only) return false;
  const std::uint16_t tried = wished(protocol).port;
  for (ProtocolState& state : protocols_) state.held.reset();
  if (ports_.at(port_index_) == tried) ++port_index_;
  return true;
}

void Mapping::protocol_failed(MappingProtocol protocol, const GatewayError& error, TimePoint now) {
  at(protocol).failed = error;
  conflicts_ = 0;
  end_round(now);
}

// When every protocol is absent or failed: says why, and rests before all that are there are asked again.
void Mapping::end_round(TimePoint now) {
  bool any_present = false;
  const GatewayError* failure = nullptr;
  MappingProtocol whose = MappingProtocol::pcp;
  for (const MappingProtocol protocol : setup_.protocols) {
    const ProtocolState& state = at(protocol);
    if (state.presence == Presence::unknown || (state.presence == Presence::present && !state.failed)) return;
    any_present |= state.presence == Presence::present;
    if (state.failed && (failure == nullptr || is_telling(state.failed->failure) > is_telling(failure->failure))) {
      failure = &*state.failed;
      whose = protocol;
    }
  }
  if (setup_.protocols.empty()) return;
  set_problem(failure != nullptr ? reason_of(failure->failure) : Reason::no_port_mapping,
              failure != nullptr ? failure->detail : "", whose);
  for (ProtocolState& state : protocols_) state.failed.reset();
  if (!any_present) return;
  ++failed_rounds_;
  wait_in(State::resting, now + rest_ * 3 / 4 + up_to(rest_ / 2));
  rest_ = std::min(rest_ * 2, kLongestRest);
}

void Mapping::lose(Reason reason, std::string detail, TimePoint now) {
  const Standing lost = *std::exchange(standing_, std::nullopt);
  // The answer to a renewal may have been lost, not the renewal: the same tuple is asked for again.
  leave_behind(record_of(lost), Leftover::Use::adopt, now + kFirstDeleteRetry, now);
  tell({MappingEvent::Kind::lost, lost.protocol, lost.request.external, {}, reason, std::move(detail)});
  wait_in(State::lost, now + up_to(kLossWait));
}

void Mapping::on_unmap_answer(const MappingCommand& asked, Removal removal, TimePoint now) {
  const MappingRecord record = record_of(asked.protocol, asked.request);
  const auto same = [&](const Leftover& left) {
    return left.record.protocol == record.protocol && left.record.internal.port == record.internal.port &&
           left.record.external.port == record.external.port && left.record.nonce == record.nonce;
  };
  if (removal == Removal::gone) {
    std::erase_if(leftovers_, same);
    return;
  }
  const auto left = std::ranges::find_if(leftovers_, same);
  if (left == leftovers_.end()) return;
  left->not_before = now + left->retry;
  left->retry = std::min(left->retry * 2, kLongestDeleteRetry);
}

void Mapping::leave_behind(const MappingRecord& record, Leftover::Use use, TimePoint not_before, TimePoint now) {
  std::erase_if(leftovers_, [&](const Leftover& left) { return same_tuple(left.record, record); });
  std::optional<TimePoint> expires;
  if (record.lifetime != 0s && now != TimePoint{}) expires = now + record.lifetime;
  leftovers_.push_back({record, not_before, kFirstDeleteRetry, expires, use, 0});
}

// What a grant took the place of must not be deleted any more: that would delete the grant. PCP and NAT-PMP know a
// mapping by its internal port, UPnP by its external one, and many routers keep one table for all three.
void Mapping::drop_replaced(const MappingRecord& granted) {
  std::erase_if(leftovers_, [&](const Leftover& left) {
    const bool same_key = left.record.protocol == granted.protocol && granted.protocol != MappingProtocol::upnp &&
                          left.record.internal == granted.internal;
    return same_key || left.record.external.port == granted.external.port;
  });
  // Made by the other of the two protocols for another external port: left to run out, or to be deleted at the end.
  for (Leftover& left : leftovers_) {
    if (left.record.protocol == MappingProtocol::upnp || left.record.internal != granted.internal) continue;
    left.not_before = left.expires.value_or(TimePoint::max());
  }
}

void Mapping::set_problem(Reason reason, std::string detail, MappingProtocol protocol) {
  if (problem_ == reason) return;
  problem_ = reason;
  tell({MappingEvent::Kind::failed, protocol, {}, {}, reason, std::move(detail)});
}

}  // namespace fairlead::agent::nat
