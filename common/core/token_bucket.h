#pragma once
// A rate limit: `burst` at once, then `per_second`. Pure, time as an argument.
#include <algorithm>
#include <cmath>

#include "common/base/time.h"

namespace fairlead::core {

class TokenBucket {
 public:
  TokenBucket(double burst, double per_second, TimePoint now)
      : burst_(burst), per_second_(per_second), tokens_(burst), at_(now) {}

  bool take(TimePoint now) {
    refill(now);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  // What was taken came to good.
  void give_back() { tokens_ = std::min(burst_, tokens_ + 1); }
  bool full(TimePoint now) const {
    return tokens_ + per_second_ * std::chrono::duration<double>(now - at_).count() >= burst_;
  }
  // When take() will answer true again; not later than `now` means at once.
  TimePoint ready_at(TimePoint now) {
    refill(now);
    if (tokens_ >= 1) return now;
    return now + Duration(static_cast<Duration::rep>(std::ceil((1 - tokens_) / per_second_ * 1e6)) + 1);
  }

 private:
  void refill(TimePoint now) {
    if (now <= at_) return;
    tokens_ = std::min(burst_, tokens_ + per_second_ * std::chrono::duration<double>(now - at_).count());
    at_ = now;
  }

  double burst_;
  double per_second_;
  double tokens_;
  TimePoint at_;
};

}  // namespace fairlead::core
