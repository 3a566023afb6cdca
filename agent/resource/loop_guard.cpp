#include "agent/resource/loop_guard.h"

#include <algorithm>
#include <utility>

namespace fairlead::agent {
namespace {
constexpr std::size_t kRandomAt = 5 + 4 + 2;  // record and message headers, legacy_version (RFC 8446 §4.1.2, §5.1)
}

LoopGuard::Place& LoopGuard::Place::operator=(Place&& other) noexcept {
  std::swap(guard_, other.guard_);
  std::swap(random_, other.random_);
  std::swap(connection_, other.connection_);
  std::swap(came_back_, other.came_back_);
  return *this;
}

LoopGuard::Place::~Place() {
  if (guard_ == nullptr) return;
  const auto [first, last] = guard_->live_.equal_range(random_);
  const auto mine = std::find_if(first, last, [this](const auto& each) { return each.second == connection_; });
  if (mine != last) guard_->live_.erase(mine);
}

LoopGuard::Place LoopGuard::enter(ByteView hello, const wire::ConnectionId& connection) {
  Place place;
  if (hello.size() < kRandomAt + place.random_.size()) return place;  // cut over records of a few bytes
  std::ranges::copy(hello.subspan(kRandomAt, place.random_.size()), place.random_.begin());
  place.connection_ = connection;
  const auto [first, last] = live_.equal_range(place.random_);
  place.came_back_ = std::any_of(first, last, [&](const auto& each) { return each.second != connection; });
  live_.emplace(place.random_, connection);
  place.guard_ = this;
  return place;
}

}  // namespace fairlead::agent
