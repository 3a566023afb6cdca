#include "rendezvous/registry/registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/wire/server_name.h"
#include "rendezvous/registry/service_claim.h"

namespace fairlead::rendezvous {

Registry::Registry(Policy policy, OwnNames own, RegistryLimits limits)
    : policy_(std::move(policy)), limits_(limits), names_(std::move(own)) {}

Result<std::vector<RefusedName>> Registry::apply_policy(const Grant& grant, Endpoint& wanted) const {
  if (!grant.may_register(wanted.service)) {
    return fail(Reason::policy_denied, fmt::format("{} may not register {}", wanted.spiffe_id, wanted.service));
  }
  std::vector<RefusedName> refused;
  const auto denied = [&](const std::string& name) {
    if (may_have(grant, name, wanted)) return false;
    refused.push_back({name, Reason::policy_denied});
    return true;
  };
  if (!wanted.host.empty() && denied(wanted.host)) wanted.host.clear();
  std::erase_if(wanted.sni, denied);
  return refused;
}

// A name that could be another service's own is that service's even while it is not here.
bool Registry::may_have(const Grant& grant, const std::string& name, const Endpoint& wanted) const {
  if (!grant.may_claim(name)) return false;
  return std::ranges::all_of(wire::parse_mesh_name(name, names_.domains()), [&](const wire::MeshName& reading) {
    if (reading.service == wanted.service || grant.may_register(reading.service)) return true;
    return grant.spells_service(name, reading.endpoint.empty() ? 0 : 1);
  });
}

Result<void> Registry::check_claim_number(const Session& session, const Endpoint& wanted) const {
  for (const auto& [service, endpoint] : session.services) {
    if (endpoint->claim == wanted.claim && service != wanted.service) {
      return fail(Reason::protocol_error, fmt::format("claim {} stands for {} already", wanted.claim, service));
    }
  }
  if (session.services.contains(wanted.service) || session.services.size() < limits_.services_per_agent) return {};
  return fail(Reason::services_max, fmt::format("at most {} services per agent", limits_.services_per_agent));
}

Result<Registration> Registry::register_service(const Carrier& session, const wire::Register& request, Moment now) {
  const auto known = by_session_.find(&session);
  if (known == by_session_.end()) return fail(Reason::session_ended, "the session is not registered");
  const auto& [spiffe_id, name] = known->second->first;
  Session& holder = known->second->second;

  auto claim = normalize_claim(request, name);
  if (!claim) return tl::unexpected(std::move(claim.error()));
  auto wanted = std::make_shared<Endpoint>(Endpoint{.service = claim->service + "." + holder.record->cluster,
                                                    .name = name,
                                                    .host = std::move(claim->host),
                                                    .port = claim->port,
                                                    .sni = std::move(claim->sni),
                                                    .subsets = std::move(claim->subsets),
                                                    .sources = holder.grant.sources(),
                                                    .spiffe_id = spiffe_id,
                                                    .claim = claim->claim,
                                                    .since = now.wall,
                                                    .carrier = holder.carrier(),
                                                    .load = nullptr});
  auto refused = apply_policy(holder.grant, *wanted);
  if (!refused) return tl::unexpected(std::move(refused.error()));
  Result<void> checked = check_claim_number(holder, *wanted);
  if (checked) checked = names_.check(*wanted);
  if (!checked) return tl::unexpected(std::move(checked.error()));

  EndpointPtr& place = holder.services[wanted->service];
  wanted->load = place ? place->load : std::make_shared<EndpointLoad>();
  if (place) withdraw(place, now.steady, route::Departure::left);
  place = std::move(wanted);
  offer(place, holder.ways);
  return Registration{place, std::move(*refused)};
}

bool Registry::unregister(const Carrier& session, std::uint32_t claim, TimePoint now) {
  const auto known = by_session_.find(&session);
  if (known == by_session_.end()) return false;
  auto& services = known->second->second.services;
  const auto found = std::ranges::find_if(services, [&](const auto& entry) { return entry.second->claim == claim; });
  if (found == services.end()) return false;
  withdraw(found->second, now, route::Departure::left);
  services.erase(found);
  return true;
}

void Registry::set_direct(const Carrier& session, std::vector<DirectEndpoint> endpoints) {
  const auto known = by_session_.find(&session);
  if (known == by_session_.end()) return;
  Session& holder = known->second->second;
  auto ways = std::make_shared<const Ways>(std::move(endpoints));
  if (*ways == *holder.ways) return;
  holder.ways = std::move(ways);
  for (const auto& [service, endpoint] : holder.services) publication_.put(endpoint, holder.ways);
}

void Registry::offer(const EndpointPtr& endpoint, const WaysPtr& ways) {
  names_.add(endpoint);
  publication_.put(endpoint, ways);
  ++endpoints_;
}

void Registry::withdraw(const EndpointPtr& endpoint, TimePoint now, route::Departure how) {
  names_.remove(endpoint, now, how);
  publication_.withdraw(*endpoint);
  --endpoints_;
}

void Registry::expire(TimePoint now) {
  names_.expire(now);
}

PolicyChange Registry::replace_policy(Policy policy, TimePoint now) {
  policy_ = std::move(policy);
  PolicyChange change;
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    const auto here = at++;
    auto& [key, session] = *here;
    auto grant = policy_.match(key.spiffe_id);
    if (grant && grant->may_be(key.endpoint)) {
      session.grant = std::move(*grant);
      reapply(session, change, now);
      continue;
    }
    for (const auto& [service, endpoint] : session.services) change.withdrawn.push_back(endpoint);
    change.denied.push_back(evict(here, now, route::Departure::left));
  }
  return change;
}

std::vector<std::shared_ptr<Carrier>> Registry::replace_revoked(std::set<std::string> ids, TimePoint now) {
  revoked_ = std::move(ids);
  std::vector<std::shared_ptr<Carrier>> out;
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    const auto here = at++;
    if (revoked_.contains(here->first.spiffe_id)) out.push_back(evict(here, now, route::Departure::left));
  }
  return out;
}

void Registry::reapply(Session& session, PolicyChange& change, TimePoint now) {
  for (auto at = session.services.begin(); at != session.services.end();) {
    EndpointPtr& endpoint = at->second;
    auto next = std::make_shared<Endpoint>(*endpoint);
    next->sources = session.grant.sources();
    auto refused = apply_policy(session.grant, *next);
    if (!refused) {
      withdraw(endpoint, now, route::Departure::left);
      change.withdrawn.push_back(std::move(endpoint));
      at = session.services.erase(at);
      continue;
    }
    if (!refused->empty() || endpoint->sources != next->sources) {
      withdraw(endpoint, now, route::Departure::left);
      endpoint = std::move(next);
      offer(endpoint, session.ways);
      change.updated.push_back({endpoint, std::move(*refused)});
    }
    ++at;
  }
}

RegistryCounters Registry::counters() const {
  return {.agents = sessions_.size(),
          .services = names_.services(),
          .endpoints = endpoints_,
          .takeovers = takeovers_,
          .duplicates_refused = duplicates_refused_,
          .branches_copied = names_.branches_copied()};
}

}  // namespace fairlead::rendezvous
