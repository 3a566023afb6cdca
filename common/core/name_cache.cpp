#include "common/core/name_cache.h"

#include <algorithm>

namespace fairlead::core {

void NameCache::learned(const std::string& name, NameAnswer answer, TimePoint now) {
  if (!entries_.contains(name)) make_room();
  Entry& entry = entries_[name];
  entry.touched = now;
  entry.doubted = false;
  if (!answer.addresses.empty()) {
    entry.found = std::move(answer);
    entry.found_at = now;
    entry.failed_at.reset();
    return;
  }
  if (answer.gone) entry.found_at.reset();
  entry.failure = std::move(answer);
  entry.failed_at = now;
}

std::optional<NameAnswer> NameCache::fresh(const std::string& name, TimePoint now) const {
  const auto at = entries_.find(name);
  if (at == entries_.end() || at->second.doubted) return std::nullopt;
  const Entry& entry = at->second;
  if (entry.found_at && !entry.failed_at && now - *entry.found_at < kFresh) return entry.found;
  if (!entry.failed_at || now - *entry.failed_at >= kFailureFresh) return std::nullopt;
  const NameAnswer* old = stale(name, now);
  return old != nullptr ? *old : entry.failure;
}

const NameAnswer* NameCache::stale(const std::string& name, TimePoint now) const {
  const auto at = entries_.find(name);
  if (at == entries_.end() || !at->second.found_at || now - *at->second.found_at >= kStale) return nullptr;
  return &at->second.found;
}

void NameCache::network_changed() {
  for (auto& [name, entry] : entries_) entry.doubted = true;
}

void NameCache::make_room() {
  if (entries_.size() < kMost) return;
  entries_.erase(std::min_element(entries_.begin(), entries_.end(), [](const auto& one, const auto& other) {
    return one.second.touched < other.second.touched;
  }));
}

}  // namespace fairlead::core
