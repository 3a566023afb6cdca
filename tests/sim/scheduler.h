#pragma once
// Virtual time: events in order of their time, and of their making at one time. One per simulated world.
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "common/base/time.h"

namespace fairlead::sim {

class Scheduler {
 public:
  TimePoint now() const { return now_; }
  void at(TimePoint when, std::function<void()> what) {
    events_.push({std::max(when, now_), next_++, std::move(what)});
  }
  void after(Duration wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }

  // Runs the next event unless it lies behind `until`; then only the time passes.
  bool step(TimePoint until) {
    if (events_.empty() || events_.top().when > until) {
      now_ = until;
      return false;
    }
    const Event event = events_.top();
    events_.pop();
    now_ = event.when;
    event.what();
    return true;
  }

 private:
  struct Event {
    TimePoint when;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const Event& other) const { return when != other.when ? when > other.when : number > other.number; }
  };
  std::priority_queue<Event> events_;
  std::uint64_t next_ = 0;
  TimePoint now_{1h};
};

}  // namespace fairlead::sim
