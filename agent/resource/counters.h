#pragma once
// How often each reason closed or refused something at this agent. One loop.
#include <cstdint>
#include <vector>

#include "common/base/reason.h"

namespace fairlead::agent {

class ReasonCounts {
 public:
  ReasonCounts() : counts_(reason_count()) {}
  void add(Reason reason) { ++counts_[static_cast<std::size_t>(reason)]; }
  std::uint64_t get(Reason reason) const { return counts_[static_cast<std::size_t>(reason)]; }

 private:
  std::vector<std::uint64_t> counts_;
};

struct Counters {
  ReasonCounts closed;   // relays, channels and sessions that had begun to work
  ReasonCounts refused;  // what was turned away
};

}  // namespace fairlead::agent
