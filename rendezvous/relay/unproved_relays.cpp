#include "rendezvous/relay/unproved_relays.h"

#include <utility>

namespace fairlead::rendezvous {

void UnprovedRelays::enter(std::uint64_t number, const IpAddress& source, const std::string& service) {
  auto token = per_source_.take(source);
  if (!token) {
    if (const auto oldest = oldest_beside(source)) {
      close(*oldest, Reason::unproved_per_source);
      token = per_source_.take(source);
    }
  }
  for (const SourceKey& key : SourceLevels(source)) {
    OfSource& at = sources_[key];
    (token ? at.counted : at.uncounted).insert(number);
  }
  young_.emplace(number, Young{source, service, std::move(token)});
  services_[service].insert(number);
}

void UnprovedRelays::close(std::uint64_t number, Reason reason) {
  leave(number);
  close_(number, reason);
}

bool UnprovedRelays::close_oldest_of(const std::string& service) {
  const auto at = services_.find(service);
  if (at == services_.end()) return false;
  close(*at->second.begin(), Reason::relays_per_service);
  return true;
}

void UnprovedRelays::leave(std::uint64_t number) {
  const auto young = young_.extract(number);
  if (!young) return;
  for (const SourceKey& key : SourceLevels(young.mapped().source)) {
    const auto at = sources_.find(key);
    at->second.counted.erase(number);
    at->second.uncounted.erase(number);
    if (at->second.empty()) sources_.erase(at);
  }
  const auto service = services_.find(young.mapped().service);
  service->second.erase(number);
  if (service->second.empty()) services_.erase(service);
}

// Of its own narrowest source first: that one may be what is full. One without a token makes no room, so it goes only
// where as many of its source are here as may be anywhere.
std::optional<std::uint64_t> UnprovedRelays::oldest_beside(const IpAddress& source) const {
  const SourceLevels levels(source);
  for (const SourceKey& key : levels) {
    const auto at = sources_.find(key);
    if (at != sources_.end() && !at->second.counted.empty()) return *at->second.counted.begin();
  }
  for (const SourceKey& key : levels) {
    const auto at = sources_.find(key);
    if (at == sources_.end() || at->second.uncounted.size() < per_source_.max() * key.factor()) continue;
    return *at->second.uncounted.begin();
  }
  return std::nullopt;
}

}  // namespace fairlead::rendezvous
