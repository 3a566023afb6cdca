#include "common/core/timer_queue.h"

#include <algorithm>
#include <map>
#include <memory>

#include "common/base/random.h"
#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

TimePoint at(int ms) {
  return TimePoint(std::chrono::milliseconds(ms));
}

struct Counter {
  int fired = 0;
  TimerEntry timer{[](void* self) { ++static_cast<Counter*>(self)->fired; }, this};
};

int fire_due(TimerQueue& queue, TimePoint now) {
  int fired = 0;
  while (TimerEntry* const entry = queue.take_due(now)) {
    entry->fire();
    ++fired;
  }
  return fired;
}

TEST_CASE("entries come when they are due, the earliest first") {
  TimerQueue queue;
  Counter a;
  Counter b;
  CHECK_FALSE(queue.next());
  queue.arm(a.timer, at(20));
  queue.arm(b.timer, at(10));
  CHECK(queue.next() == at(10));
  CHECK(queue.take_due(at(9)) == nullptr);
  CHECK(queue.take_due(at(20)) == &b.timer);
  CHECK_FALSE(b.timer.armed());
  CHECK(a.timer.armed());
  CHECK(fire_due(queue, at(20)) == 1);
  CHECK(a.fired == 1);
  CHECK(queue.size() == 0);
}

TEST_CASE("arming again moves an entry, in both directions") {
  TimerQueue queue;
  Counter a;
  queue.arm(a.timer, at(10));
  queue.arm(a.timer, at(30));
  CHECK(queue.size() == 1);
  CHECK(queue.take_due(at(29)) == nullptr);
  queue.arm(a.timer, at(5));
  CHECK(queue.take_due(at(5)) == &a.timer);
}

TEST_CASE("destroying an entry or its queue disarms") {
  Counter survivor;
  {
    TimerQueue queue;
    queue.arm(survivor.timer, at(1));
    {
      Counter gone;
      queue.arm(gone.timer, at(0));
    }
    CHECK(queue.size() == 1);
    CHECK(queue.next() == at(1));
  }
  CHECK_FALSE(survivor.timer.armed());
  survivor.timer.cancel();
}

TEST_CASE("an entry moves to another queue") {
  TimerQueue first;
  TimerQueue second;
  Counter a;
  first.arm(a.timer, at(1));
  second.arm(a.timer, at(2));
  CHECK(first.size() == 0);
  CHECK(second.next() == at(2));
  second.cancel(a.timer);
  second.cancel(a.timer);
  CHECK(second.size() == 0);
}

// A callback that re-arms itself, cancels its neighbour and destroys another.
struct Meddler {
  TimerQueue* queue = nullptr;
  Counter* to_cancel = nullptr;
  std::unique_ptr<Counter> to_destroy;
  int fired = 0;
  TimerEntry timer{[](void* self) { static_cast<Meddler*>(self)->on_timer(); }, this};

  void on_timer() {
    ++fired;
    queue->cancel(to_cancel->timer);
    to_destroy.reset();
    if (fired == 1) queue->arm(timer, at(100));
  }
};

TEST_CASE("a callback may arm, cancel and destroy") {
  TimerQueue queue;
  Counter cancelled;
  Meddler meddler;
  meddler.queue = &queue;
  meddler.to_cancel = &cancelled;
  meddler.to_destroy = std::make_unique<Counter>();
  queue.arm(meddler.timer, at(1));
  queue.arm(cancelled.timer, at(2));
  queue.arm(meddler.to_destroy->timer, at(3));
  CHECK(fire_due(queue, at(50)) == 1);
  CHECK(cancelled.fired == 0);
  CHECK(fire_due(queue, at(100)) == 1);
  CHECK(queue.size() == 0);
}

TEST_CASE("it agrees with a sorted map") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SeededRng rng(seed);
    TimerQueue queue;
    std::vector<std::unique_ptr<Counter>> owners(60);
    for (auto& owner : owners) owner = std::make_unique<Counter>();
    std::map<const TimerEntry*, TimePoint> model;
    int now = 0;
    for (int step = 0; step < 2000; ++step) {
      auto& owner = owners[rng.below(owners.size())];
      switch (rng.below(4)) {
        case 0:
        case 1: {
          const TimePoint due = at(now + static_cast<int>(rng.below(40)));
          queue.arm(owner->timer, due);
          model[&owner->timer] = due;
          break;
        }
        case 2:
          model.erase(&owner->timer);
          if (rng.below(2) == 0) {
            owner->timer.cancel();
          } else {
            owner = std::make_unique<Counter>();
          }
          break;
        default:
          now += static_cast<int>(rng.below(8));
          TimePoint last{};
          while (TimerEntry* const entry = queue.take_due(at(now))) {
            const TimePoint due = model.at(entry);
            if (due > at(now) || due < last) FAIL("seed " << seed << " step " << step << ": wrong order");
            last = due;
            model.erase(entry);
          }
          break;
      }
      const auto first =
          std::min_element(model.begin(), model.end(), [](auto& a, auto& b) { return a.second < b.second; });
      const auto expected = first == model.end() ? std::nullopt : std::optional(first->second);
      if (queue.next() != expected || queue.size() != model.size()) FAIL("seed " << seed << " step " << step);
    }
  }
}

}  // namespace
}  // namespace fairlead::core
