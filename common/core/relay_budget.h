#pragma once
// When relays whose peers do not read are held to small buffers, and when some of them have to go: what they hold in
// the kernel, of all workers together, against one budget. Long paths need large windows and keep them while there is
// room; a fleet of clients that do not read meets the budget instead of the kernel's own (tcp_mem), beyond which every
// connection of the host suffers.
//
//   roomy --a quarter of the budget is held--> tight --less than an eighth--> roomy
//   above the budget: the fullest that do not move are shed
//
// Serves the rendezvous's relays through net::StuckRelays. Any thread.
#include <atomic>
#include <cstddef>

#include "common/base/time.h"

namespace fairlead::core {

// Of one stuck relay, before it may be shed.
inline constexpr Duration kShedPatience = 5s;

class RelayBudget {
 public:
  explicit RelayBudget(std::size_t budget) : budget_(budget) {}  // 0: none, always roomy
  void set_max(std::size_t budget) { budget_.store(budget, std::memory_order_relaxed); }

  // One worker's relays hold `now` instead of `before`.
  void held(std::size_t now, std::size_t before);
  bool tight() const { return tight_.load(std::memory_order_relaxed); }
  // How much has to go.
  std::size_t excess() const;
  std::size_t in_use() const { return total_.load(std::memory_order_relaxed); }
  std::size_t max() const { return budget_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> budget_;
  std::atomic<std::size_t> total_{0};
  std::atomic<bool> tight_{false};
};

}  // namespace fairlead::core
