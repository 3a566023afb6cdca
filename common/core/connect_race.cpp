#include "common/core/connect_race.h"

#include <algorithm>

#include "common/base/check.h"

namespace fairlead::core {

ConnectRace::ConnectRace(std::vector<SocketAddress> addresses) : waiting_(std::move(addresses)) {
  if (waiting_.size() > kMostAddresses) waiting_.resize(kMostAddresses);
  std::reverse(waiting_.begin(), waiting_.end());
}

std::optional<SocketAddress> ConnectRace::take_due(TimePoint now) {
  if (waiting_.empty() || now < next_at_) return std::nullopt;
  const SocketAddress next = waiting_.back();
  waiting_.pop_back();
  ++under_way_;
  next_at_ = now + kAttemptDelay;
  return next;
}

void ConnectRace::on_failed(TimePoint now) {
  CHECK(under_way_ > 0);
  --under_way_;
  next_at_ = now;
}

void ConnectRace::on_busy(const SocketAddress& address, TimePoint now) {
  CHECK(under_way_ > 0);
  --under_way_;
  waiting_.push_back(address);
  next_at_ = now + pause_;
  pause_ = std::min(pause_ * 2, kLongestPause);
}

std::optional<TimePoint> ConnectRace::deadline() const {
  if (waiting_.empty()) return std::nullopt;
  return next_at_;
}

}  // namespace fairlead::core
