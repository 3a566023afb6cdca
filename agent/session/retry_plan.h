#pragma once
// When a link tries again after a failure: with full jitter, doubling from half a second to half a minute; soon while
// the server seems to restart (it refuses, or said that it drains) or was just there; not before the time that it asked
// for; and from the beginning once a session was held for long enough. Pure, time and randomness as arguments.
#include <optional>

#include "common/base/backoff.h"
#include "common/base/reason.h"

namespace fairlead::agent {

class RetryPlan {
 public:
  static constexpr Duration kRestartCap = 2s;            // of a host that refuses: be there when it is back
  static constexpr Duration kHeldLongEnough = 1min;      // a session that lived this long resets the backoff
  static constexpr Duration kMostJitter = Duration(1s);  // on top of what a server asked for

  void on_up(TimePoint now) {
    up_since_ = now;
    restarting_ = false;
  }
  void on_draining() { restarting_ = true; }

  // A session or an attempt has ended. `asked`: what the server asked for.
  Duration next_wait(Reason reason, std::optional<Duration> asked, TimePoint now, Rng& rng) {
    const bool was_up = up_since_.has_value();
    if (was_up && now - *up_since_ >= kHeldLongEnough) backoff_.reset();
    up_since_.reset();
    if (reason == Reason::connect_refused) restarting_ = true;
    const Duration wait = backoff_.next(rng, restarting_ || was_up ? kRestartCap : Duration::max());
    if (!asked || *asked <= 0s) return wait;
    return *asked + Duration(static_cast<Duration::rep>(rng.below(static_cast<std::uint64_t>(kMostJitter.count()))));
  }

 private:
  Backoff backoff_{BackoffLimits{}};
  std::optional<TimePoint> up_since_;
  bool restarting_ = false;
};

}  // namespace fairlead::agent
