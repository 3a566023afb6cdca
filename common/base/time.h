#pragma once
// Time as types only: whoever needs "now" is handed it. TimePoint is monotonic with an arbitrary origin
// (CLOCK_MONOTONIC in production, a number in tests); WallTime is Unix time, used for certificates and reports.
#include <chrono>

namespace fairlead {

using Duration = std::chrono::microseconds;
struct MonotonicClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
using TimePoint = MonotonicClock::time_point;
using WallTime = std::chrono::sys_seconds;

using namespace std::chrono_literals;

}  // namespace fairlead
