#include "agent/join/renewal_plan.h"

#include <algorithm>

namespace fairlead::agent {
namespace {

constexpr Duration kFirstWait = 1min;
constexpr Duration kLeastWait = 1s;
// What is left of the life is worth this many attempts at the least.
constexpr int kAttempts = 8;
// A server that does not know us asks for a day, and the one that does may be away for a minute.
constexpr int kAskedPart = 2;  // of what is left: no longer than that

Duration portion(Duration whole, std::uint64_t of_65536) {
  return whole / 65536 * static_cast<Duration::rep>(of_65536);
}

}  // namespace

RenewalPlan::RenewalPlan(WallTime not_before, WallTime not_after, Rng& rng) : not_after_(not_after) {
  const Duration life = std::max<Duration>(not_after - not_before, Duration(0));
  due_at_ = not_before + std::chrono::floor<std::chrono::seconds>(life / 2 + portion(life / 6, rng.below(65536)));
}

RenewalPlan::Due RenewalPlan::due(WallTime wall, TimePoint now) const {
  if (asked_until_) return now >= *asked_until_ ? Due::give_up : Due::nothing;
  if (retry_at_ && now < *retry_at_) return Due::nothing;
  return wall >= due_at_ ? Due::ask : Due::nothing;
}

TimePoint RenewalPlan::next_look(WallTime wall, TimePoint now) const {
  if (asked_until_) return std::max(now, *asked_until_);
  const TimePoint not_before = std::max(now, retry_at_.value_or(now));
  return std::max(not_before, now + std::clamp<Duration>(due_at_ - wall, Duration(0), kLookAgain));
}

Duration RenewalPlan::on_failed(std::optional<Duration> retry_after, WallTime wall, TimePoint now, Rng& rng) {
  asked_until_.reset();
  const Duration left = not_after_ - wall;
  const bool ended = left <= Duration(0);
  const Duration most = ended ? kMostRenewalWait : std::clamp<Duration>(left / kAttempts, kLeastWait, kMostRenewalWait);
  step_ = step_ == Duration(0) ? kFirstWait : step_ * 2;
  step_ = std::min(step_, most);
  Duration wait = step_ / 2 + portion(step_ / 2, rng.below(65536));
  const Duration most_asked = ended ? kMostAskedWait : std::min<Duration>(kMostAskedWait, left / kAskedPart);
  if (retry_after) wait = std::max(wait, std::min(*retry_after, most_asked));
  retry_at_ = now + wait;
  return wait;
}

}  // namespace fairlead::agent
