#pragma once
// Sources (base/source_key.h) from which somebody proved an identity not long ago: they are preferred where strangers
// crowd. Pure, time as an argument; bounded: the longest unseen is forgotten first. Belongs to one thread or lock.
#include <set>
#include <unordered_map>

#include "common/base/source_key.h"
#include "common/base/time.h"

namespace fairlead::core {

class KnownSources {
 public:
  static constexpr std::size_t kMost = 16384;
  static constexpr Duration kRemembered = 1h;

  void note(const IpAddress& source, TimePoint now);
  bool knows(const IpAddress& source, TimePoint now) const;
  std::size_t size() const { return seen_.size(); }

 private:
  std::unordered_map<SourceKey, TimePoint> seen_;
  std::set<std::pair<TimePoint, SourceKey>> by_time_;
};

}  // namespace fairlead::core
