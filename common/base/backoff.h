#pragma once
// Reconnect delays with full jitter: uniform in [0, step], the step doubling from `first` to `most`.
#include <algorithm>

#include "common/base/random.h"
#include "common/base/time.h"

namespace fairlead {

struct BackoffLimits {
  Duration first = 500ms;
  Duration most = 30s;
};

class Backoff {
 public:
  explicit Backoff(BackoffLimits limits) : limits_(limits), step_(limits.first) {}

  // The wait before the next attempt, never above `cap` (2 s while the host refuses: it is restarting).
  Duration next(Rng& rng, Duration cap = Duration::max()) {
    const Duration ceiling = std::min(step_, cap);
    step_ = std::min(step_ * 2, limits_.most);
    return Duration(static_cast<Duration::rep>(rng.below(static_cast<std::uint64_t>(ceiling.count()) + 1)));
  }
  void reset() { step_ = limits_.first; }

 private:
  BackoffLimits limits_;
  Duration step_;
};

}  // namespace fairlead
