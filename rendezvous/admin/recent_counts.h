#pragma once
// How often each reason turned somebody away in the last minutes, from totals that only grow: the totals of each of the
// last kMinutes are kept. A value of the main loop; told the totals once a minute.
#include <deque>
#include <vector>

#include "rendezvous/admin/status.h"

namespace fairlead::rendezvous {

class RecentCounts {
 public:
  static constexpr std::size_t kMinutes = 5;

  void on_minute(std::vector<std::uint64_t> totals) {
    kept_.push_back(std::move(totals));
    if (kept_.size() > kMinutes) kept_.pop_front();
  }
  // Since the oldest totals that are kept; reasons without a count are left out.
  std::vector<ReasonCount> recent(const std::vector<std::uint64_t>& totals) const {
    std::vector<ReasonCount> out;
    for (std::size_t i = 0; i < totals.size(); ++i) {
      const std::uint64_t before = kept_.empty() ? 0 : kept_.front()[i];
      if (totals[i] > before) out.push_back({static_cast<Reason>(i), totals[i] - before});
    }
    return out;
  }

 private:
  std::deque<std::vector<std::uint64_t>> kept_;
};

}  // namespace fairlead::rendezvous
