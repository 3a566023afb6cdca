#pragma once
// When a stop is done: the mappings are deleted, or the gateways had their time, and the live connections have ended,
// or had theirs. A second wish to stop does not wait. Pure, time as an argument.
#include <algorithm>
#include <optional>

#include "common/base/time.h"

namespace fairlead::agent {

class StopPlan {
 public:
  enum class Step { drain, stop_now };
  Step begin(TimePoint now, Duration drain, Duration unmap) {
    if (begun_) return Step::stop_now;
    begun_ = {now + drain, now + unmap};
    return Step::drain;
  }
  void on_unmapped() { unmapped_ = true; }
  bool begun() const { return begun_.has_value(); }
  bool done(TimePoint now, std::size_t relays) const {
    if (!begun_) return false;
    const bool drained = relays == 0 || now >= begun_->drain_until;
    return drained && (unmapped_ || now >= begun_->unmap_until);
  }

 private:
  struct Begun {
    TimePoint drain_until;
    TimePoint unmap_until;
  };
  std::optional<Begun> begun_;
  bool unmapped_ = false;
};

}  // namespace fairlead::agent
