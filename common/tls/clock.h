#pragma once
// What time it is, for those who judge certificates and tickets: told by a function that is passed in, because devices
// may have no clock that runs.
#include <functional>

#include "common/base/time.h"

namespace fairlead::tls {

using WallClock = std::function<WallTime()>;

// What a client's clock says. One that is known to be wrong knows only how early it cannot be; that says nothing
// against a certificate which begins later, and everything against one which has ended.
struct ClockReading {
  enum class Kind : std::uint8_t { exact, earliest };
  ClockReading(WallTime read, Kind what = Kind::exact) : time(read), kind(what) {}  // a WallClock serves, too

  WallTime time;
  Kind kind;
};
using ClientClock = std::function<ClockReading()>;

}  // namespace fairlead::tls
