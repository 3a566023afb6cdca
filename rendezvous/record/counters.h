#pragma once
// How often each reason closed or refused something, and what the relays carried. Any thread; relaxed: a status page
// needs totals, not an order.
#include <atomic>
#include <cstdint>
#include <vector>

#include "common/base/reason.h"

namespace fairlead::rendezvous {

class ReasonCounters {
 public:
  ReasonCounters() : counts_(reason_count()) {}
  void add(Reason reason) { counts_[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t get(Reason reason) const {
    return counts_[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
  }

 private:
  std::vector<std::atomic<std::uint64_t>> counts_;
};

struct Counters {
  ReasonCounters closed;   // connections, channels and sessions that ended after they had begun to work
  ReasonCounters refused;  // what was turned away before
  std::atomic<std::uint64_t> relays_total{0};
  std::atomic<std::uint64_t> bytes_in{0};   // from mesh clients
  std::atomic<std::uint64_t> bytes_out{0};  // to mesh clients
};

}  // namespace fairlead::rendezvous
