#include "tests/agent/nat/mapping_rig.h"

#include <algorithm>

#include "common/base/ip_scope.h"

namespace fairlead::agent::nat::test {

std::optional<std::uint32_t> Router::epoch(MappingProtocol protocol, TimePoint now) const {
  if (protocol == MappingProtocol::upnp) return std::nullopt;
  return static_cast<std::uint32_t>(std::chrono::floor<std::chrono::seconds>(now - started).count());
}

void Router::restart(TimePoint now) {
  table.clear();
  started = now;
}

void Router::expire(TimePoint now) {
  std::erase_if(table, [&](const auto& entry) { return entry.second.expires && now >= *entry.second.expires; });
}

Router::Answer Router::map(MappingProtocol protocol, const IpAddress& client, const MapRequest& request,
                           TimePoint now) {
  expire(now);
  const bool pinhole = !client.is_v4();
  std::uint16_t port = pinhole ? request.internal_port : request.external.port;
  if (foreign.contains(port)) return tl::unexpected(GatewayError{GatewayFailure::conflict, "taken"});
  const SocketAddress internal{client, request.internal_port};
  const auto holder = table.find(port);
  if (holder != table.end() && holder->second.internal != internal) {
    return tl::unexpected(GatewayError{GatewayFailure::foreign_mapping, "of another"});
  }
  if (protocol != MappingProtocol::upnp) {  // known by the internal port: there is one of it
    for (const auto& [other, entry] : table) {
      if (entry.protocol != protocol || entry.internal != internal) continue;
      if (protocol == MappingProtocol::pcp && entry.nonce != request.nonce) {
        return tl::unexpected(GatewayError{GatewayFailure::refused, "nonce"});
      }
      port = other;
      break;
    }
  }
  const std::chrono::seconds lifetime = std::min(request.lifetime, longest);
  table[port] = {protocol, internal, request.nonce, {}};
  if (lifetime != 0s) table[port].expires = now + lifetime;
  return MapGrant{{pinhole ? client : outside, port}, lifetime, epoch(protocol, now)};
}

Router::Answer Router::unmap(MappingProtocol protocol, const IpAddress& client, const MapRequest& request,
                             TimePoint now) {
  expire(now);
  std::erase_if(table, [&](const auto& item) {
    const Entry& entry = item.second;
    if (entry.internal.ip != client) return false;
    if (protocol == MappingProtocol::upnp) return item.first == request.external.port;
    return entry.internal.port == request.internal_port && entry.protocol == protocol &&
           (protocol == MappingProtocol::nat_pmp || entry.nonce == request.nonce);
  });
  return MapGrant{request.external, 0s, epoch(protocol, now)};
}

Rig::Rig(std::uint64_t seed, std::vector<MappingProtocol> protocols, const Uplink& uplink,
         std::vector<MappingRecord> known)
    : rng(seed), mapping({uplink, std::move(protocols), 15443, 0, "nas1.home", std::move(known)}, rng) {}

void Rig::all_present() {
  for (const MappingProtocol protocol : mapping.setup().protocols) {
    mapping.on_present(protocol, router.epoch(protocol, now), now);
  }
}

void Rig::carry_out(const MappingCommand& command) {
  const IpAddress& client = mapping.setup().uplink.local;
  const auto do_it = [&] {
    return command.kind == MappingCommand::Kind::map ? router.map(command.protocol, client, command.request, now)
                                                     : router.unmap(command.protocol, client, command.request, now);
  };
  const auto failure = router.fault ? router.fault(command) : std::nullopt;
  Router::Answer answer;
  if (!failure) {
    answer = do_it();
  } else {
    if (failure == GatewayFailure::late && router.lost_answers) (void)do_it();
    answer = tl::unexpected(GatewayError{*failure, "as told"});
  }
  if (command.kind == MappingCommand::Kind::map) {
    const bool taken = !answer && (answer.error().failure == GatewayFailure::conflict ||
                                   answer.error().failure == GatewayFailure::foreign_mapping);
    if (taken) {
      told_taken_.emplace(command.protocol, command.request.external.port);
    } else {
      told_taken_.erase({command.protocol, command.request.external.port});
    }
  }
  mapping.on_answer(answer, now);
}

void Rig::step() {
  mapping.on_time(now);
  const auto command = mapping.take_command(now);
  if (command) {
    CHECK(mapping.request_under_way());
    CHECK(!mapping.take_command(now));  // one at a time
    CHECK(command->request.internal_port != 0);
    CHECK(command->request.external.port != 0);
    CHECK(command->request.description.size() <= 31);
    if (command->kind == MappingCommand::Kind::map) {
      CHECK((command->request.lifetime != 0s || command->protocol == MappingProtocol::upnp));
    } else {
      CHECK(!told_taken_.contains({command->protocol, command->request.external.port}));  // somebody else's
    }
    asked.emplace_back(now, *command);
    now += latency;
    router.expire(now);
    carry_out(*command);
  }
  for (MappingEvent& event : mapping.take_events()) events.push_back(std::move(event));
  check();
}

// What the gateway has of us is known; what is offered is global and was granted.
void Rig::check() const {
  const std::vector<MappingRecord> known = mapping.records();
  for (const auto& item : router.table) {
    const SocketAddress& internal = item.second.internal;
    if (internal.ip != mapping.setup().uplink.local) continue;
    const bool is_known = std::ranges::any_of(known, [&](const MappingRecord& record) {
      return record.internal.port == internal.port && record.external.port == item.first;
    });
    if (!is_known) FAIL_CHECK("unknown mapping of port " << item.first);
  }
  if (const auto offer = mapping.offer()) CHECK(scope_of(offer->external.ip) == IpScope::global);
}

void Rig::run(Duration length) {
  const TimePoint end = now + length;
  while (true) {
    step();
    const auto due = mapping.deadline();
    if (!due || *due >= end) break;
    now = std::max(*due, now);
  }
  now = std::max(now, end);
  router.expire(now);
  step();
}

bool Rig::until(const std::function<bool()>& condition, Duration limit) {
  const TimePoint end = now + limit;
  while (true) {
    step();
    if (condition()) return true;
    const auto due = mapping.deadline();
    if (!due || *due >= end) return false;
    now = std::max(*due, now);
  }
}

void Rig::verdict(bool reachable) {
  const auto offer = mapping.offer();
  REQUIRE(offer.has_value());
  if (reachable) {
    mapping.on_verified(offer->protocol, now);
  } else {
    mapping.on_unreachable(offer->protocol, now);
  }
}

std::size_t Rig::requests_within(Duration length) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(asked, [&](const auto& request) { return request.first > now - length; }));
}

}  // namespace fairlead::agent::nat::test
