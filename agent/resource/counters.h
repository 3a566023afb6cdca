#pragma once
// What an agent closed and refused, by reason.
#include "common/base/reason_counters.h"

namespace fairlead::agent {

struct Counters {
  ReasonCounters closed;   // relays, channels and sessions that had begun to work
  ReasonCounters refused;  // what was turned away
};

}  // namespace fairlead::agent
