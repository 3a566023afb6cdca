#include "common/core/relay_budget.h"

namespace fairlead::core {
namespace {
constexpr std::size_t kTightAt = 4;  // a quarter of the budget
constexpr std::size_t kRoomyAt = 8;
}  // namespace

void RelayBudget::held(std::size_t now, std::size_t before) {
  const std::size_t total = total_.fetch_add(now - before, std::memory_order_relaxed) + now - before;
  const std::size_t budget = max();
  if (budget == 0) return tight_.store(false, std::memory_order_relaxed);
  if (total >= budget / kTightAt) tight_.store(true, std::memory_order_relaxed);
  if (total < budget / kRoomyAt) tight_.store(false, std::memory_order_relaxed);
}

std::size_t RelayBudget::excess() const {
  const std::size_t budget = max();
  const std::size_t total = in_use();
  return budget != 0 && total > budget ? total - budget : 0;
}

}  // namespace fairlead::core
