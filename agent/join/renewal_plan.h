#pragma once
// When an agent asks for its next certificate: at a random point of [1/2, 2/3] of the life of the one it has (a fleet
// that joined together does not come together); after a failure again, waiting twice as long each time, for an hour at
// most, and less the nearer the end is.
// The end is a date and the wall clock may jump (core/expiry.h), so it is looked at every kLookAgain at least; waits
// between attempts are of the steady clock. Pure: time and randomness are arguments.
#include <optional>

#include "common/base/random.h"
#include "common/base/time.h"

namespace fairlead::agent {

inline constexpr Duration kLookAgain = 1h;
inline constexpr Duration kRenewalAnswer = 30s;   // for the server: it may wait for its disk
inline constexpr Duration kMostRenewalWait = 1h;  // between two attempts
inline constexpr Duration kMostAskedWait = 24h;   // where the server asks for more

class RenewalPlan {
 public:
  enum class Due : std::uint8_t { nothing, ask, give_up };

  RenewalPlan(WallTime not_before, WallTime not_after, Rng& rng);

  // What is to be done now; ask: then call on_asked() or on_failed(); give_up: the answer did not come, on_failed().
  Due due(WallTime wall, TimePoint now) const;
  // When to look again, at the latest; not in the past.
  TimePoint next_look(WallTime wall, TimePoint now) const;

  void on_asked(TimePoint now) { asked_until_ = now + kRenewalAnswer; }
  bool asked() const { return asked_until_.has_value(); }
  // `retry_after`: not sooner, if the server asked for that and half of what is left of the life is as long. Returns
  // the wait.
  Duration on_failed(std::optional<Duration> retry_after, WallTime wall, TimePoint now, Rng& rng);

  WallTime due_at() const { return due_at_; }

 private:
  const WallTime not_after_;
  WallTime due_at_;
  std::optional<TimePoint> asked_until_;  // an answer is awaited
  std::optional<TimePoint> retry_at_;     // an attempt failed
  Duration step_{};                       // of the next wait; zero: none yet
};

}  // namespace fairlead::agent
