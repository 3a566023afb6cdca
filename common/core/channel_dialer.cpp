#include "common/core/channel_dialer.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace fairlead::core {

ChannelDialer::ChannelDialer(std::uint16_t pool_max, TimePoint now)
    : max_(pool_max),
      rate_(kDialBurst, kDialsPerSecond, now),
      backoff_(kDialBackoff),
      not_before_(now),
      next_step_(now) {}

std::uint16_t ChannelDialer::room() const {
  const int unbound = dialing_ + ready_;
  return unbound < max_ ? static_cast<std::uint16_t>(max_ - unbound) : 0;
}

void ChannelDialer::on_open_channels(std::uint16_t count, TimePoint now) {
  asked_.expire(now);
  if (asked_.total() == 0) taken_ = 0;
  // Asks may wait for a header that is still on its way on another connection, but never for more than a whole pool.
  asked_.add(std::min<std::uint32_t>(count, max_ - asked_.total()), now);
}

// How many dials this step is good for.
std::uint32_t ChannelDialer::take_step(TimePoint now) {
  if (ready_ == 0) urgent_ = asked_.total();
  urgent_ = std::min(urgent_, asked_.total());
  if (urgent_ > 0) return std::min(kMostDials, urgent_);
  if (asked_.total() == 0 || now < next_step_) return 0;
  next_step_ = now + kDialStep;
  return std::max({kLeastDials, asked_.total() / kDialSpread, std::exchange(taken_, 0)});
}

std::uint16_t ChannelDialer::take_dials(TimePoint now) {
  asked_.expire(now);
  if (now < not_before_) return 0;
  const std::uint32_t most = take_step(now);
  std::uint16_t dials = 0;
  while (dials < most && asked_.total() > 0 && room() > 0 && rate_.take(now)) {
    asked_.take_one();
    if (urgent_ > 0) --urgent_;
    ++dialing_;
    ++dials;
  }
  return dials;
}

void ChannelDialer::on_ready() {
  CHECK(dialing_ > 0);
  --dialing_;
  ++ready_;
  failures_ = 0;
  backoff_.reset();
}

void ChannelDialer::on_dial_failed(TimePoint now, Rng& rng) {
  CHECK(dialing_ > 0);
  --dialing_;
  ++failures_;
  // Dials that were started together and fail together are one failure of the path.
  if (now >= not_before_) not_before_ = now + backoff_.next(rng);
}

void ChannelDialer::on_bound() {
  CHECK(ready_ > 0);
  --ready_;
  ++taken_;
}

void ChannelDialer::on_lost() {
  CHECK(ready_ > 0);
  --ready_;
}

std::optional<TimePoint> ChannelDialer::deadline(TimePoint now) {
  asked_.expire(now);
  if (asked_.total() == 0 || room() == 0) return std::nullopt;
  const TimePoint allowed = std::max(not_before_, rate_.ready_at(now));
  return ready_ == 0 || urgent_ > 0 ? allowed : std::max(allowed, next_step_);
}

}  // namespace fairlead::core
