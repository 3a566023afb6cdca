#pragma once
// When to ask the wall clock whether something that ends at a calendar time has ended. The wall clock may jump (a
// device that learns the time, a host that was suspended), and timers do not: a timer for "the end minus now" would let
// a session outlive its certificate. Both programs ask again at least every kAskClockEvery.
#include <algorithm>

#include "common/base/time.h"

namespace fairlead::core {

inline constexpr Duration kAskClockEvery = 1min;

inline Duration until_asked_again(WallTime end, WallTime now) {
  return std::clamp<Duration>(end - now, Duration(0), kAskClockEvery);
}

}  // namespace fairlead::core
