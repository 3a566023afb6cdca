#include "agent/resource/loop_guard.h"

#include <utility>

namespace fairlead::agent {

LoopGuard::Place::Place(Place&& other) noexcept : guard_(std::exchange(other.guard_, nullptr)), ends_(other.ends_) {}

LoopGuard::Place& LoopGuard::Place::operator=(Place&& other) noexcept {
  std::swap(guard_, other.guard_);
  std::swap(ends_, other.ends_);
  return *this;
}

LoopGuard::Place::~Place() {
  if (guard_ != nullptr) guard_->live_.erase(guard_->live_.find(ends_));
}

LoopGuard::Place LoopGuard::enter(const Ends& ends) {
  Place place;
  place.guard_ = this;
  place.ends_ = ends;
  live_.insert(ends);
  return place;
}

}  // namespace fairlead::agent
