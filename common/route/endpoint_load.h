#pragma once
// How busy and how healthy one endpoint is, as the relay workers see it: the only part of an endpoint that changes.
// It stands outside the routing snapshot, so counting a relay publishes nothing. Any thread; the numbers are advice for
// the load balancer, so relaxed order is enough. Readers take no lock; the end of a relay takes one that is this
// endpoint's alone.
//
// Two things make an endpoint one that is avoided: what its agent says (it refuses, or is silent: kFailuresToSetAside
// in a row), and what its clients get (it accepts, and then most connections come to nothing: OutcomeRecord). The first
// is the agent's own word. The second a client can bring about, so the load balancer bounds what it leaves out for it.
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "common/base/reason.h"
#include "common/base/time.h"
#include "common/route/outcome_record.h"

namespace fairlead::route {

inline constexpr int kFailuresToSetAside = 3;           // in a row
inline constexpr Duration kSetAside = 30s;              // since the last failure
inline constexpr std::uint32_t kFailurePenalty = 1000;  // relays that a recent failure counts as: a service that
                                                        // refuses everybody has no load and must not look idle

// What is not well with an endpoint, for reports.
struct EndpointTrouble {
  Reason reason;               // of the latest failure
  std::uint32_t failures = 0;  // lately: refusals in a row, or connections that came to nothing
  std::uint32_t successes = 0;
};

class EndpointLoad {
 public:
  // A relay takes this endpoint, and lets go of it again: exactly once each, also where the agent refused.
  void on_started() { live_.fetch_add(1, std::memory_order_relaxed); }
  void on_ended() { live_.fetch_sub(1, std::memory_order_relaxed); }

  // What the agent answered on a data channel; silence within the deadline is a refusal.
  void on_accepted() { failures_.store(0, std::memory_order_relaxed); }
  void on_refused_or_silent(TimePoint now, Reason reason = Reason::no_answer) {
    last_failure_.store(reason, std::memory_order_relaxed);
    store(avoid_until_, now + kSetAside);
    failures_.fetch_add(1, std::memory_order_relaxed);
  }

  // What a client got of an accepted connection: bytes both ways beyond the first flight, or nothing.
  void on_served(TimePoint now) {
    const std::lock_guard lock(mutex_);
    outcomes_.succeeded(now);
    failing_share_.store(share(), std::memory_order_relaxed);
    if (!outcomes_.is_failing()) failing_until_.store(INT64_MIN, std::memory_order_relaxed);
  }
  void on_came_to_nothing(TimePoint now, Reason reason) {
    const std::lock_guard lock(mutex_);
    outcomes_.failed(now);
    last_failure_.store(reason, std::memory_order_relaxed);
    failing_share_.store(share(), std::memory_order_relaxed);
    store(doubtful_until_, now + kSetAside);
    if (outcomes_.is_failing()) store(failing_until_, now + kSetAside);
  }

  std::uint32_t live() const { return live_.load(std::memory_order_relaxed); }
  Reason last_failure() const { return last_failure_.load(std::memory_order_relaxed); }
  std::uint32_t failures() const { return failures_.load(std::memory_order_relaxed); }
  // Used only when nothing else is left. After kSetAside it is tried again; one more failure sets it aside again.
  bool refuses(TimePoint now) const { return failures() >= kFailuresToSetAside && before(now, avoid_until_); }
  bool fails_its_clients(TimePoint now) const { return before(now, failing_until_); }
  bool is_set_aside(TimePoint now) const { return refuses(now) || fails_its_clients(now); }
  std::optional<EndpointTrouble> trouble(TimePoint now) const {
    if (!is_set_aside(now)) return std::nullopt;
    if (refuses(now)) return EndpointTrouble{last_failure(), failures(), 0};
    const std::lock_guard lock(mutex_);
    return EndpointTrouble{last_failure(), rounded(outcomes_.failures()), rounded(outcomes_.successes())};
  }
  // What "less loaded" compares.
  std::uint64_t weight(TimePoint now) const {
    std::uint64_t penalty = failures() != 0 && before(now, avoid_until_) ? kFailurePenalty : 0;
    if (before(now, doubtful_until_)) penalty += failing_share_.load(std::memory_order_relaxed);
    return live() + penalty;
  }

 private:
  using Instant = std::atomic<Duration::rep>;  // TimePoint as microseconds
  static void store(Instant& to, TimePoint when) {
    to.store(when.time_since_epoch().count(), std::memory_order_relaxed);
  }
  static bool before(TimePoint now, const Instant& until) {
    return now.time_since_epoch().count() < until.load(std::memory_order_relaxed);
  }
  static std::uint32_t rounded(double count) { return static_cast<std::uint32_t>(std::lround(count)); }
  std::uint32_t share() const { return rounded(outcomes_.failing_share() * kFailurePenalty); }

  std::atomic<std::uint32_t> live_ = 0;
  std::atomic<std::uint32_t> failures_ = 0;       // in a row
  std::atomic<std::uint32_t> failing_share_ = 0;  // of what clients got, as a part of kFailurePenalty
  std::atomic<Reason> last_failure_ = Reason::no_answer;
  Instant avoid_until_ = INT64_MIN;     // it refused
  Instant doubtful_until_ = INT64_MIN;  // a connection came to nothing
  Instant failing_until_ = INT64_MIN;   // most did

  mutable std::mutex mutex_;  // guards the next
  OutcomeRecord outcomes_;
};

}  // namespace fairlead::route
