#include "common/net/loop.h"

#include <atomic>
#include <memory>
#include <thread>

#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

struct Timer {
  Timer(Loop& on, std::function<void()> what)
      : loop(on), work(std::move(what)), entry([](void* self) { static_cast<Timer*>(self)->work(); }, this) {}
  void after(Duration wait) { loop.timers().arm(entry, loop.now() + wait); }

  Loop& loop;
  std::function<void()> work;
  core::TimerEntry entry;
};

TEST_CASE("tasks of other threads run on the loop's thread, in order") {
  Loop loop;
  std::vector<int> order;
  std::thread::id ran_on;
  std::thread other([&loop, &order, &ran_on] {
    for (int i = 0; i < 1000; ++i) loop.post([&order, i] { order.push_back(i); });
    loop.post([&loop, &ran_on] {
      loop.check_here();
      ran_on = std::this_thread::get_id();
      loop.stop();
    });
  });
  loop.run();
  other.join();
  CHECK(ran_on == std::this_thread::get_id());
  REQUIRE(order.size() == 1000);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a loop that does not run belongs to whoever builds and buries what lives on it") {
  Loop loop;
  loop.check_here();
  std::thread runner([&loop] {
    loop.post([&loop] {
      loop.check_here();
      loop.stop();
    });
    loop.run();
  });
  runner.join();
  loop.check_here();
  loop.turn(Loop::Turn::glance);
  loop.check_here();
}

TEST_CASE("many threads lose no task") {
  Loop loop;
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&loop, &ran] {
      for (int i = 0; i < 5000; ++i) {
        loop.post([&loop, &ran] {
          if (++ran == 20000) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (std::thread& thread : threads) thread.join();
  CHECK(ran == 20000);
}

TEST_CASE("a task that posts runs the next one later, and tasks own what they carry") {
  Loop loop;
  bool inner = false;
  loop.post([&loop, &inner, value = std::make_unique<int>(7)] {
    loop.post([&loop, &inner] {
      inner = true;
      loop.stop();
    });
    CHECK(*value == 7);
    CHECK_FALSE(inner);
  });
  loop.run();
  CHECK(inner);
}

TEST_CASE("tasks that never ran are destroyed with the loop") {
  auto carried = std::make_shared<int>(1);
  {
    Loop loop;
    loop.post([carried] { FAIL("it ran"); });
  }
  CHECK(carried.use_count() == 1);
}

TEST_CASE("timers fire in order and not early") {
  Loop loop;
  std::vector<int> order;
  const TimePoint begin = monotonic_now();
  Timer last(loop, [&] {
    order.push_back(3);
    loop.stop();
  });
  Timer first(loop, [&] { order.push_back(1); });
  Timer second(loop, [&] {
    order.push_back(2);
    CHECK(monotonic_now() - begin >= 19ms);
  });
  last.after(40ms);
  first.after(0ms);
  second.after(20ms);
  loop.run();
  CHECK(order == std::vector{1, 2, 3});
  CHECK(monotonic_now() - begin >= 39ms);
}

TEST_CASE("a timer that is always due again leaves room for everybody else") {
  Loop loop;
  int fired = 0;
  bool other_fired = false;
  bool task_ran = false;
  Timer again(loop, [&] {
    if (++fired < 1000) again.after(0ms);
  });
  Timer other(loop, [&] { other_fired = true; });
  again.after(0ms);
  other.after(0ms);
  loop.turn(Loop::Turn::glance);
  loop.turn(Loop::Turn::glance);
  CHECK(other_fired);
  CHECK(fired <= 2);
  loop.post([&] { task_ran = true; });
  for (int i = 0; i < 3; ++i) loop.turn(Loop::Turn::glance);
  CHECK(task_ran);
  CHECK(fired <= 5);
  CHECK(fired > 2);
}

TEST_CASE("a timer that another one cancels or moves does as told") {
  Loop loop;
  bool cancelled_fired = false;
  int moved_fired = 0;
  Timer cancelled(loop, [&] { cancelled_fired = true; });
  Timer moved(loop, [&] { ++moved_fired; });
  Timer end(loop, [&] { loop.stop(); });
  Timer first(loop, [&] {
    cancelled.entry.cancel();
    moved.after(10ms);
  });
  first.after(1ms);
  cancelled.after(5ms);
  moved.after(6ms);
  end.after(40ms);
  loop.run();
  CHECK_FALSE(cancelled_fired);
  CHECK(moved_fired == 1);
}

TEST_CASE("what is retired dies after the callback, and may retire more") {
  struct Doomed {
    Doomed(Loop& on, int depth, int& dead) : loop(on), left(depth), count(dead) {}
    ~Doomed() {
      ++count;
      if (left > 0) loop.retire(std::make_unique<Doomed>(loop, left - 1, count));
    }
    Loop& loop;
    int left;
    int& count;
  };
  Loop loop;
  int dead = 0;
  loop.post([&] {
    loop.retire(std::make_unique<Doomed>(loop, 2, dead));
    CHECK(dead == 0);
  });
  Timer later(loop, [&] {
    CHECK(dead == 3);
    loop.stop();
  });
  later.after(1ms);
  loop.run();
  CHECK(dead == 3);
}

TEST_CASE("clocks: boot time is not behind, wall time is this century's") {
  CHECK(boottime_now() >= monotonic_now() - 1s);
  CHECK(wall_now().time_since_epoch() > std::chrono::hours(24 * 365 * 50));
}

}  // namespace
}  // namespace fairlead::net
