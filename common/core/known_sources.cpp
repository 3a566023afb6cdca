#include "common/core/known_sources.h"

namespace fairlead::core {

void KnownSources::note(const IpAddress& source, TimePoint now) {
  const SourceKey key = SourceKey::of(source);
  const auto [at, fresh] = seen_.try_emplace(key, now);
  if (!fresh) by_time_.erase({at->second, key});
  at->second = now;
  by_time_.emplace(now, key);
  if (seen_.size() <= kMost) return;
  seen_.erase(by_time_.begin()->second);
  by_time_.erase(by_time_.begin());
}

bool KnownSources::knows(const IpAddress& source, TimePoint now) const {
  const auto at = seen_.find(SourceKey::of(source));
  return at != seen_.end() && now < at->second + kRemembered;
}

}  // namespace fairlead::core
