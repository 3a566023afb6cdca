#include "common/route/name_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "common/base/check.h"
#include "common/wire/server_name.h"

namespace fairlead::route {
namespace {

bool by_endpoint(const EndpointPtr& a, const EndpointPtr& b) {
  return a->name < b->name;
}

std::uint16_t lowest_port(const std::vector<EndpointPtr>& live) {
  return (*std::ranges::min_element(live, {}, &Endpoint::port))->port;
}

tl::unexpected<Error> taken(std::string_view name, std::string_view by) {
  return fail(Reason::name_taken, fmt::format("{} is held by {}", name, by));
}

}  // namespace

NameIndex::NameIndex(OwnNames own) : own_(std::make_shared<const OwnNames>(std::move(own))) {}

const NameIndex::Name* NameIndex::find(std::string_view name) const {
  const auto found = names_.find(name);
  return found != names_.end() ? &found->second : nullptr;
}

bool NameIndex::is_live(std::string_view name, NameKind kind) const {
  const Name* found = find(name);
  return found != nullptr && std::ranges::any_of(found->groups, [&](const Group& group) { return group.kind == kind; });
}

Result<void> NameIndex::check(const Endpoint& wanted) const {
  for (const NameUse& use : names_of(wanted, own_->domains())) {
    Result<void> checked;
    if (use.kind == NameKind::host) {
      checked = check_claimed(use.name, wanted);
    } else if (use.kind == NameKind::service || use.kind == NameKind::endpoint) {
      checked = check_mesh_name(use.name, use.kind, wanted);
    }  // outbound_ names follow from the host, whose ports have been checked
    if (!checked) return checked;
  }
  return {};
}

// SERVICE.CLUSTER or ENDPOINT.SERVICE.CLUSTER of `wanted` itself, in every spelling.
Result<void> NameIndex::check_mesh_name(const std::string& name, NameKind kind, const Endpoint& wanted) const {
  std::vector<std::string> spellings = {name};
  for (const std::string& domain : own_->domains()) spellings.push_back(name + "." + domain);
  for (const std::string& spelling : spellings) {
    if (own_->ends_here(spelling)) return taken(spelling, "this server itself");
    const Name* found = find(spelling);
    if (found == nullptr) continue;
    for (const Group& group : found->groups) {
      if (group.kind == NameKind::host && group.service != wanted.service) return taken(spelling, group.service);
      if (kind == NameKind::endpoint && group.kind == NameKind::endpoint && group.service == wanted.service &&
          group.live.front()->spiffe_id != wanted.spiffe_id) {
        return taken(spelling, "another identity");
      }
    }
  }
  return {};
}

// A host or sni name of `wanted`.
Result<void> NameIndex::check_claimed(std::string_view name, const Endpoint& wanted) const {
  if (own_->ends_here(name)) return taken(name, "this server itself");
  if (auto checked = check_readings(name, wanted); !checked) return checked;
  const Name* found = find(name);
  if (found == nullptr) return {};
  const bool holds = holds_host(*found, wanted);
  for (const Group& group : found->groups) {
    if (group.kind != NameKind::host || group.service == wanted.service) continue;
    if (!holds) return taken(name, group.service);
    for (const EndpointPtr& endpoint : group.live) {
      if (endpoint->port == wanted.port) return taken(fmt::format("{}:{}", name, wanted.port), group.service);
    }
  }
  return {};
}

// Who adds a port to a host must hold that host already: by an endpoint of the same service, or of the same identity.
bool NameIndex::holds_host(const Name& name, const Endpoint& wanted) {
  return std::ranges::any_of(name.groups, [&](const Group& group) {
    if (group.kind != NameKind::host) return false;
    return group.service == wanted.service || std::ranges::any_of(group.live, [&](const EndpointPtr& endpoint) {
             return endpoint->spiffe_id == wanted.spiffe_id;
           });
  });
}

// Names below a live service are that service's to give, also those of endpoints that are not here now.
Result<void> NameIndex::check_readings(std::string_view name, const Endpoint& wanted) const {
  for (const auto& reading : wire::parse_mesh_name(name, own_->domains())) {
    const bool own_service = reading.service == wanted.service;
    if (own_service && (reading.endpoint.empty() || reading.endpoint == wanted.name)) continue;
    if (own_service || is_live(reading.service, NameKind::service)) return taken(name, reading.service);
  }
  return {};
}

void NameIndex::add(const EndpointPtr& endpoint) {
  for (NameUse& use : names_of(*endpoint, own_->domains())) {
    auto& name = *names_.try_emplace(std::move(use.name)).first;
    auto& groups = name.second.groups;
    auto group = std::ranges::find_if(
        groups, [&](const Group& known) { return known.kind == use.kind && known.service == endpoint->service; });
    if (group == groups.end()) {
      if (use.kind == NameKind::service) ++services_;
      group = groups.insert(groups.end(), Group{use.kind, endpoint->service, {}});
    }
    group->live.insert(std::ranges::lower_bound(group->live, endpoint, by_endpoint), endpoint);
    name.second.last_service = endpoint->service;
    name.second.remembered_until.reset();
    mark(name);
  }
}

void NameIndex::remove(const EndpointPtr& endpoint, TimePoint now, Departure how) {
  for (const NameUse& use : names_of(*endpoint, own_->domains())) {
    const auto found = names_.find(use.name);
    CHECK(found != names_.end());
    auto& groups = found->second.groups;
    const auto group = std::ranges::find_if(
        groups, [&](const Group& known) { return known.kind == use.kind && known.service == endpoint->service; });
    CHECK(group != groups.end());
    const auto at = std::ranges::lower_bound(group->live, endpoint, by_endpoint);
    CHECK(at != group->live.end() && *at == endpoint);
    group->live.erase(at);
    if (group->live.empty()) {
      if (use.kind == NameKind::service) --services_;
      groups.erase(group);
    }
    if (groups.empty()) remember(*found, now, how);
    mark(*found);
  }
}

void NameIndex::remember(Names::value_type& name, TimePoint now, Departure how) {
  name.second.expected_until = how == Departure::lost ? now + kReturnGrace : TimePoint::min();
  name.second.remembered_until = now + kRememberName;
  remembered_.push_back({now + kRememberName, name.first});
  if (remembered_.size() > kMaxRememberedNames) forget_oldest();
}

void NameIndex::forget_oldest() {
  const auto found = names_.find(remembered_.front().name);
  // It may live again, or have died again later.
  if (found != names_.end() && found->second.remembered_until == remembered_.front().until) {
    found->second.remembered_until.reset();
    mark(*found);
  }
  remembered_.pop_front();
}

void NameIndex::expire(TimePoint now) {
  while (!remembered_.empty() && remembered_.front().until <= now) forget_oldest();
}

void NameIndex::replace_own_names(const std::vector<std::string>& names) {
  own_ = std::make_shared<const OwnNames>(names, own_->domains());
  own_changed_ = true;
}

void NameIndex::mark(Names::value_type& name) {
  if (name.second.dirty) return;
  name.second.dirty = true;
  dirty_.push_back(&name);
}

NameEntryPtr NameIndex::entry_of(const Names::value_type& name) {
  const auto& [text, state] = name;
  const auto rank = [](const Group& group) {
    return std::tuple(group.kind, group.kind == NameKind::host ? lowest_port(group.live) : 0);
  };
  const Group* best = nullptr;
  for (const Group& group : state.groups) {
    if (best == nullptr || rank(group) < rank(*best)) best = &group;
  }
  if (best == nullptr) {
    if (!state.remembered_until) return nullptr;
    return std::make_shared<const NameEntry>(NameEntry{text, state.last_service, {}, {}, state.expected_until});
  }
  const bool single = best->kind == NameKind::endpoint || best->kind == NameKind::subset_endpoint;
  return std::make_shared<const NameEntry>(
      NameEntry{text, best->service, single ? best->live.front()->name : std::string(), best->live, {}});
}

std::shared_ptr<const Snapshot> NameIndex::publish() {
  if (dirty_.empty() && !own_changed_) return nullptr;
  for (Names::value_type* name : dirty_) {
    if (auto entry = entry_of(*name)) {
      table_.put(std::move(entry));
      name->second.dirty = false;
    } else {
      table_.remove(name->first);
      names_.erase(names_.find(name->first));
    }
  }
  dirty_.clear();
  own_changed_ = false;
  return std::make_shared<const Snapshot>(table_.freeze(), own_);
}

}  // namespace fairlead::route
