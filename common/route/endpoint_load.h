#pragma once
// How busy and how healthy one endpoint is, as the relay workers see it: the only part of an endpoint that changes.
// It stands outside the routing snapshot, so counting a relay publishes nothing. Atomics, any thread; the numbers are
// advice for the load balancer, so relaxed order is enough.
#include <atomic>
#include <cstdint>

#include "common/base/reason.h"
#include "common/base/time.h"

namespace fairlead::route {

inline constexpr int kFailuresToSetAside = 3;           // in a row
inline constexpr Duration kSetAside = 30s;              // since the last failure
inline constexpr std::uint32_t kFailurePenalty = 1000;  // relays that a recent failure counts as: a service that
                                                        // refuses everybody has no load and must not look idle

class EndpointLoad {
 public:
  // A relay takes this endpoint, and lets go of it again: exactly once each, also where the agent refused.
  void on_started() { live_.fetch_add(1, std::memory_order_relaxed); }
  void on_ended() { live_.fetch_sub(1, std::memory_order_relaxed); }

  // What the agent answered on a data channel; silence within the deadline is a refusal.
  void on_accepted() { failures_.store(0, std::memory_order_relaxed); }
  void on_refused_or_silent(TimePoint now, Reason reason = Reason::no_answer) {
    last_failure_.store(reason, std::memory_order_relaxed);
    avoid_until_.store((now + kSetAside).time_since_epoch().count(), std::memory_order_relaxed);
    failures_.fetch_add(1, std::memory_order_relaxed);
  }

  std::uint32_t live() const { return live_.load(std::memory_order_relaxed); }
  Reason last_failure() const { return last_failure_.load(std::memory_order_relaxed); }
  std::uint32_t failures() const { return failures_.load(std::memory_order_relaxed); }
  // Used only when nothing else is left. After kSetAside it is tried again; one more failure sets it aside again.
  bool is_set_aside(TimePoint now) const { return failures() >= kFailuresToSetAside && is_recent(now); }
  // What "less loaded" compares.
  std::uint64_t weight(TimePoint now) const {
    const std::uint64_t penalty = failures() != 0 && is_recent(now) ? kFailurePenalty : 0;
    return live() + penalty;
  }

 private:
  bool is_recent(TimePoint now) const {
    return now.time_since_epoch().count() < avoid_until_.load(std::memory_order_relaxed);
  }

  std::atomic<std::uint32_t> live_ = 0;
  std::atomic<std::uint32_t> failures_ = 0;  // in a row
  std::atomic<Reason> last_failure_ = Reason::no_answer;
  std::atomic<Duration::rep> avoid_until_ = INT64_MIN;  // TimePoint as microseconds
};

}  // namespace fairlead::route
