#include "common/core/source_rate.h"

namespace fairlead::core {
namespace {
constexpr Duration kSweep = 1s;  // a full table is looked through this often, not for each newcomer
}

void SourceRate::set(double per_second) {
  if (per_second == per_second_) return;
  per_second_ = per_second;
  rows_.clear();
}

TokenBucket& SourceRate::row(const SourceKey& key, TimePoint now) {
  if (const auto at = rows_.find(key); at != rows_.end()) return at->second;
  if (rows_.size() >= kMostRows) forget_full(now);
  const SourceKey shared{};  // 0.0.0.0, which nobody comes from
  const SourceKey& kept = rows_.size() >= kMostRows ? shared : key;
  const double rate = per_second_ * static_cast<double>(kept.factor());
  return rows_.try_emplace(kept, rate, rate, now).first->second;
}

void SourceRate::forget_full(TimePoint now) {
  if (now < swept_ + kSweep) return;
  swept_ = now;
  std::erase_if(rows_, [now](const auto& each) { return each.second.full(now); });
}

bool SourceRate::take(const IpAddress& source, TimePoint now) {
  if (ready_at(source, now) > now) return false;
  for (const SourceKey& key : SourceLevels(source)) row(key, now).take(now);
  return true;
}

void SourceRate::give_back(const IpAddress& source) {
  for (const SourceKey& key : SourceLevels(source)) {
    if (const auto at = rows_.find(key); at != rows_.end()) at->second.give_back();
  }
}

TimePoint SourceRate::ready_at(const IpAddress& source, TimePoint now) {
  TimePoint ready = now;
  for (const SourceKey& key : SourceLevels(source)) ready = std::max(ready, row(key, now).ready_at(now));
  return ready;
}

}  // namespace fairlead::core
