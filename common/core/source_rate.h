#pragma once
// A rate limit per source address: `per_second` of each narrowest source, with as much at once, and more for the
// networks around it (base/source_key.h). Pure, time as an argument; its table is bounded: sources that find no row
// share one. Belongs to one thread.
#include <unordered_map>

#include "common/base/source_key.h"
#include "common/core/token_bucket.h"

namespace fairlead::core {

class SourceRate {
 public:
  static constexpr std::size_t kMostRows = 8192;

  explicit SourceRate(double per_second) : per_second_(per_second) {}
  void set(double per_second);

  bool take(const IpAddress& source, TimePoint now);
  // What it took came to good.
  void give_back(const IpAddress& source);
  // When take() may answer true again; not later than `now` means at once.
  TimePoint ready_at(const IpAddress& source, TimePoint now);
  std::size_t rows() const { return rows_.size(); }

 private:
  TokenBucket& row(const SourceKey& key, TimePoint now);
  void forget_full(TimePoint now);

  double per_second_;
  std::unordered_map<SourceKey, TokenBucket> rows_;
  TimePoint swept_{};
};

}  // namespace fairlead::core
