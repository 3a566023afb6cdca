#include "common/core/pool_target.h"

#include <algorithm>

#include "common/base/check.h"

namespace fairlead::core {
namespace {

PoolLimits sane(PoolLimits wished) {
  const std::uint16_t max = std::clamp<std::uint16_t>(wished.max, 1, kMaxPool);
  return {std::min(wished.min, max), max};
}

}  // namespace

PoolTarget::PoolTarget(PoolLimits limits, TimePoint now)
    : limits_(sane(limits)), target_(limits_.min), decays_at_(now + kPoolDecay), idle_at_(now + kPoolIdle) {}

void PoolTarget::advance(TimePoint now) {
  asked_.expire(now);
  if (now >= idle_at_) {
    target_ = 0;
    return;
  }
  while (target_ > limits_.min && now >= decays_at_) {
    target_ = std::max<std::uint16_t>(limits_.min, target_ / 2);
    decays_at_ += kPoolDecay;
  }
}

void PoolTarget::on_demand(TimePoint now) {
  idle_at_ = now + kPoolIdle;
  if (target_ > 0) return;
  target_ = std::max<std::uint16_t>(limits_.min, 1);
  decays_at_ = now + kPoolDecay;
}

Result<void> PoolTarget::on_ready(TimePoint now) {
  advance(now);
  asked_.take_one();
  if (ready_ >= limits_.max) return fail(Reason::pool_full, "more unused data channels than the pool may hold");
  ++ready_;
  return {};
}

void PoolTarget::on_taken(TimePoint now) {
  advance(now);
  CHECK(ready_ > 0);
  --ready_;
  on_demand(now);
}

void PoolTarget::on_empty(TimePoint now) {
  advance(now);
  ++waiting_;
  if (target_ > 0 && (waiting_ == 1 || waiting_ > target_)) {
    target_ = static_cast<std::uint16_t>(std::min<unsigned>(limits_.max, 2U * target_));
    decays_at_ = now + kPoolDecay;
  }
  on_demand(now);
}

void PoolTarget::on_served(TimePoint now) {
  on_gave_up();
  on_taken(now);
}

void PoolTarget::on_gave_up() {
  CHECK(waiting_ > 0);
  --waiting_;
}

void PoolTarget::on_lost(TimePoint now) {
  advance(now);
  CHECK(ready_ > 0);
  --ready_;
}

std::uint16_t PoolTarget::missing() const {
  const std::uint32_t have = ready_ + asked_.total();
  const std::uint32_t want = std::min<std::uint32_t>(limits_.max, waiting_ + target_);
  return have < want ? static_cast<std::uint16_t>(want - have) : std::uint16_t{0};
}

std::optional<TimePoint> PoolTarget::ask_time() const {
  if (!short_since_) return std::nullopt;
  const bool urgent = ready_ == 0 || missing() >= target_ / kAskShare;
  return urgent ? *short_since_ : *short_since_ + kAskPause;
}

std::optional<TimePoint> PoolTarget::ask_at(TimePoint now) {
  advance(now);
  if (missing() == 0) {
    short_since_.reset();
  } else if (!short_since_) {
    short_since_ = now;
  }
  return ask_time();
}

std::uint16_t PoolTarget::take_ask(TimePoint now) {
  const auto at = ask_at(now);
  if (!at || *at > now) return 0;
  const std::uint16_t count = missing();
  asked_.add(count, now);
  short_since_.reset();
  return count;
}

std::uint16_t PoolTarget::surplus(TimePoint now) {
  advance(now);
  return ready_ > target_ ? static_cast<std::uint16_t>(ready_ - target_) : 0;
}

std::optional<TimePoint> PoolTarget::deadline() const {
  std::optional<TimePoint> first;
  const auto consider = [&first](TimePoint at) { first = std::min(first.value_or(at), at); };
  if (const auto ask = ask_time()) consider(*ask);
  if (asked_.total() > 0) consider(asked_.next_expiry());
  if (target_ > limits_.min) consider(decays_at_);
  if (target_ > 0) consider(idle_at_);
  return first;
}

}  // namespace fairlead::core
