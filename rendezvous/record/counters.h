#pragma once
// What the threads of a server count. Any thread; relaxed.
#include <atomic>
#include <cstdint>

#include "common/base/reason_counters.h"

namespace fairlead::rendezvous {

struct Counters {
  ReasonCounters closed;   // connections, channels and sessions that ended after they had begun to work
  ReasonCounters refused;  // what was turned away before
  std::atomic<std::uint64_t> relays_total{0};
  std::atomic<std::uint64_t> bytes_in{0};   // from mesh clients
  std::atomic<std::uint64_t> bytes_out{0};  // to mesh clients
};

}  // namespace fairlead::rendezvous
