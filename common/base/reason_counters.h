#pragma once
// How often each reason closed or refused something. Any thread; relaxed: a status page needs totals, not an order.
#include <atomic>
#include <cstdint>
#include <vector>

#include "common/base/reason.h"

namespace fairlead {

class ReasonCounters {
 public:
  ReasonCounters() : counts_(reason_count()) {}
  // For reports: the numbers as they stand.
  ReasonCounters(const ReasonCounters& other) : ReasonCounters() {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] = other.get(static_cast<Reason>(i));
  }
  ReasonCounters& operator=(const ReasonCounters&) = delete;

  void add(Reason reason) { counts_[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t get(Reason reason) const {
    return counts_[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
  }
  std::vector<std::uint64_t> totals() const { return {counts_.begin(), counts_.end()}; }  // by reason

 private:
  std::vector<std::atomic<std::uint64_t>> counts_;
};

}  // namespace fairlead
