#pragma once
// How the connections of one endpoint went lately. Every outcome fades (half of it is forgotten in kOutcomeHalfLife),
// so an endpoint that got well is believed again, and one success among many failures proves little. Plain data, told
// the time; whoever shares it locks it.
#include <algorithm>
#include <cmath>

#include "common/base/time.h"

namespace fairlead::route {

inline constexpr Duration kOutcomeHalfLife = 2min;
// Two within three quarters of a minute: one that failed is avoided for half a minute, so more do not come together.
inline constexpr double kFailuresToJudge = 1.75;
inline constexpr double kFailingShare = 0.5;

class OutcomeRecord {
 public:
  void succeeded(TimePoint now) {
    fade(now);
    successes_ += 1;
  }
  void failed(TimePoint now) {
    fade(now);
    failures_ += 1;
  }
  // As of the latest outcome.
  double failures() const { return failures_; }
  double successes() const { return successes_; }
  double failing_share() const { return failures_ > 0 ? failures_ / (failures_ + successes_) : 0; }
  bool is_failing() const { return failures_ >= kFailuresToJudge && failing_share() >= kFailingShare; }

 private:
  void fade(TimePoint now) {
    if (now > as_of_) {
      const double kept = std::exp2(-std::chrono::duration<double>(now - as_of_) / kOutcomeHalfLife);
      failures_ *= kept;
      successes_ *= kept;
    }
    as_of_ = std::max(as_of_, now);
  }

  double failures_ = 0;
  double successes_ = 0;
  TimePoint as_of_{};
};

}  // namespace fairlead::route
