#include "common/core/pool_target.h"

#include <algorithm>
#include <vector>

#include "common/base/random.h"
#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

const TimePoint kStart{1h};

// The policy of pool_target.h, worked out anew from the whole history at each question.
class Oracle {
 public:
  Oracle(int min, int max, TimePoint start) : min_(min), max_(max), start_(start) {}

  void demand(TimePoint at, int waiting) { history_.push_back({at, waiting}); }  // 0: it found a channel
  void asked(TimePoint at) { asks_.push_back(at); }
  void arrived(TimePoint now) {
    forget(now);
    if (!asks_.empty()) asks_.erase(asks_.begin());
  }
  int opening(TimePoint now) {
    forget(now);
    return static_cast<int>(asks_.size());
  }
  int target(TimePoint now) const {
    int target = min_;
    TimePoint since = start_;  // of the last doubling, or of the return from idleness
    TimePoint last_demand = start_;
    for (const auto& [at, waiting] : history_) {
      const int then = decayed(target, since, last_demand, at);
      last_demand = at;
      if (then == 0) {
        target = std::max(min_, 1);
        since = at;
      } else if (waiting == 1 || waiting > then) {
        target = std::min(2 * then, max_);
        since = at;
      }
    }
    return decayed(target, since, last_demand, now);
  }

 private:
  int decayed(int target, TimePoint since, TimePoint last_demand, TimePoint now) const {
    if (now - last_demand >= kPoolIdle) return 0;
    for (TimePoint at = since + kPoolDecay; at <= now && target > min_; at += kPoolDecay) {
      target = std::max(min_, target / 2);
    }
    return target;
  }
  void forget(TimePoint now) {
    while (!asks_.empty() && now - asks_.front() >= kAskLifetime) asks_.erase(asks_.begin());
  }

  struct Demand {
    TimePoint at;
    int waiting;
  };
  int min_;
  int max_;
  TimePoint start_;
  std::vector<Demand> history_;
  std::vector<TimePoint> asks_;  // one per channel
};

TEST_CASE("it asks for min, once, and again when nothing came") {
  PoolTarget pool({3, 8}, kStart);
  CHECK(pool.take_ask(kStart) == 3);
  CHECK(pool.take_ask(kStart) == 0);
  CHECK(pool.deadline() == kStart + kAskLifetime);
  REQUIRE(pool.on_ready(kStart + 1s));
  CHECK(pool.take_ask(kStart + kAskLifetime - 1us) == 0);
  CHECK(pool.take_ask(kStart + kAskLifetime) == 2);
}

TEST_CASE("a taken or lost channel is replaced") {
  PoolTarget pool({2, 8}, kStart);
  pool.take_ask(kStart);
  REQUIRE(pool.on_ready(kStart));
  REQUIRE(pool.on_ready(kStart));
  pool.on_taken(kStart);
  CHECK(pool.take_ask(kStart) == 1);
  pool.on_lost(kStart);
  CHECK(pool.take_ask(kStart) == 1);
}

TEST_CASE("to look at the planned time plans nothing") {
  PoolTarget pool({2, 8}, kStart);
  CHECK_FALSE(pool.ask_time());
  CHECK(pool.ask_at(kStart + 1s) == kStart + 1s);
  CHECK(pool.ask_time() == kStart + 1s);
  CHECK(pool.take_ask(kStart + 1s) == 2);
  CHECK_FALSE(pool.ask_time());
}

TEST_CASE("an empty pool doubles up to max and decays to min") {
  PoolTarget pool({1, 5}, kStart);
  pool.on_empty(kStart);
  CHECK(pool.target() == 2);
  pool.on_empty(kStart);
  CHECK(pool.target() == 2);  // one burst, and two are enough for it
  pool.on_empty(kStart);
  CHECK(pool.target() == 4);
  pool.on_empty(kStart);
  pool.on_empty(kStart);
  CHECK(pool.target() == 5);
  for (int i = 0; i < 5; ++i) pool.on_gave_up();
  CHECK(pool.take_ask(kStart) == 5);
  for (int i = 0; i < 5; ++i) REQUIRE(pool.on_ready(kStart));
  CHECK(pool.surplus(kStart + kPoolDecay - 1us) == 0);
  CHECK(pool.surplus(kStart + kPoolDecay) == 3);
  CHECK(pool.surplus(kStart + 2 * kPoolDecay) == 4);
  CHECK(pool.surplus(kStart + 3 * kPoolDecay) == 4);
}

TEST_CASE("takers that wait all get a channel, and the target comes on top, as far as max goes") {
  for (const int max : {256, 100, 16}) {
    CAPTURE(max);
    PoolTarget pool({0, static_cast<std::uint16_t>(max)}, kStart);
    int waiting = 64;
    for (int i = 0; i < waiting; ++i) pool.on_empty(kStart);
    CHECK(pool.target() == std::min(64, max));
    CHECK(pool.ask_at(kStart) == kStart);
    int asks = 0;
    int came = 0;
    for (int n = pool.take_ask(kStart); n > 0; n = pool.take_ask(kStart), ++asks) {
      CHECK(n <= max);
      for (; n > 0; --n, ++came) {
        REQUIRE(pool.on_ready(kStart));
        if (waiting == 0) continue;
        pool.on_served(kStart);
        --waiting;
      }
    }
    CHECK(waiting == 0);
    CHECK(came == 64 + pool.target());
    CHECK(asks <= came / max + 1);
  }
}

TEST_CASE("after ten idle minutes nothing is kept, and the next taker brings it back") {
  PoolTarget pool({2, 8}, kStart);
  pool.take_ask(kStart);
  REQUIRE(pool.on_ready(kStart));
  REQUIRE(pool.on_ready(kStart));
  CHECK(pool.surplus(kStart + kPoolIdle - 1us) == 0);
  CHECK(pool.surplus(kStart + kPoolIdle) == 2);
  pool.on_lost(kStart + kPoolIdle);
  pool.on_lost(kStart + kPoolIdle);
  CHECK(pool.take_ask(kStart + kPoolIdle) == 0);
  CHECK_FALSE(pool.deadline());
  pool.on_empty(kStart + kPoolIdle + 1h);
  CHECK(pool.target() == 2);
  CHECK(pool.take_ask(kStart + kPoolIdle + 1h) == 3);
}

TEST_CASE("whatever the agent wishes is made sane") {
  CHECK(PoolTarget({0, 0}, kStart).limits().max == 1);
  CHECK(PoolTarget({9, 3}, kStart).limits().min == 3);
  CHECK(PoolTarget({65535, 65535}, kStart).limits().max == kMaxPool);
  PoolTarget none({0, 4}, kStart);
  CHECK(none.take_ask(kStart) == 0);
  none.on_empty(kStart);
  CHECK(none.take_ask(kStart) == 2);
}

TEST_CASE("more unused channels than max are refused") {
  PoolTarget pool({1, 2}, kStart);
  REQUIRE(pool.on_ready(kStart));
  REQUIRE(pool.on_ready(kStart));
  CHECK(pool.on_ready(kStart).error().reason == Reason::pool_full);
  pool.on_taken(kStart);
  CHECK(pool.on_ready(kStart));
}

// One random history: both sides see the same events, and after each step both must agree on everything.
class Comparison {
 public:
  explicit Comparison(std::uint64_t seed) : rng_(seed) {}

  void step() {
    now_ += pause();
    switch (rng_.below(6)) {
      case 0:
        take();
        break;
      case 1:
        if (ready_ > 0) {
          pool_.on_lost(now_);
          --ready_;
        }
        break;
      case 2:
        arrive();
        break;
      case 3:
        if (oracle_.opening(now_) > 0) arrive();
        break;
      case 4:
        if (waiting_ == 0) break;
        pool_.on_gave_up();
        --waiting_;
        break;
      default:
        break;
    }
    ask();
    compare();
  }

 private:
  Duration pause() {
    switch (rng_.below(6)) {
      case 0:
        return Duration(rng_.below(1'000'000));
      case 1:
        return 1s * rng_.below(30);
      case 2:
        return 60s * rng_.below(rng_.below(10) == 0 ? 12 : 2);
      default:
        return 0s;
    }
  }
  void take() {
    if (ready_ > 0) {
      pool_.on_taken(now_);
      oracle_.demand(now_, 0);
      --ready_;
    } else {
      pool_.on_empty(now_);
      oracle_.demand(now_, ++waiting_);
    }
  }
  void arrive() {
    oracle_.arrived(now_);
    const bool kept = pool_.on_ready(now_).has_value();
    CHECK(kept == (ready_ < max_));
    if (!kept) return;
    if (waiting_ == 0) {
      ++ready_;
      return;
    }
    pool_.on_served(now_);
    oracle_.demand(now_, 0);
    --waiting_;
  }
  void ask() {
    const int target = oracle_.target(now_);
    const int missing = std::max(0, std::min(max_, target + waiting_) - ready_ - oracle_.opening(now_));
    if (missing == 0) short_since_.reset();
    if (missing > 0 && !short_since_) short_since_ = now_;
    const bool urgent = ready_ == 0 || missing >= target / kAskShare;
    const int want = missing > 0 && (urgent || now_ - *short_since_ >= kAskPause) ? missing : 0;
    const auto at = pool_.ask_at(now_);
    if ((at && *at <= now_) != (want > 0)) FAIL("ask_at does not say what take_ask does");
    const int asked = pool_.take_ask(now_);
    if (asked > 0) short_since_.reset();
    if (asked != want) FAIL("asked for " << asked << " instead of " << want);
    for (int i = 0; i < asked; ++i) oracle_.asked(now_);
    // By time alone nothing new may come before the announced deadline.
    const auto deadline = pool_.deadline();
    if (deadline && *deadline <= now_) FAIL("a deadline in the past");
    if (short_since_ && deadline > *short_since_ + kAskPause) FAIL("few that are missing are forgotten");
    const TimePoint before = deadline ? *deadline - 1us : now_ + 1h;
    if (oracle_.target(before) != oracle_.target(now_)) FAIL("the deadline is too late");
  }
  void compare() {
    const int surplus = std::max(0, ready_ - oracle_.target(now_));
    if (pool_.surplus(now_) != surplus || pool_.target() != oracle_.target(now_) || pool_.ready() != ready_ ||
        static_cast<int>(pool_.opening()) != oracle_.opening(now_)) {
      FAIL("target " << pool_.target() << " instead of " << oracle_.target(now_));
    }
    if (pool_.target() > max_ || pool_.ready() > max_) FAIL("above the agent's max");
  }

  SeededRng rng_;
  TimePoint now_ = kStart;
  int max_ = 1 + static_cast<int>(rng_.below(40));
  int min_ = static_cast<int>(rng_.below(static_cast<std::uint64_t>(max_) + 1));
  int ready_ = 0;
  int waiting_ = 0;
  std::optional<TimePoint> short_since_;
  PoolTarget pool_{{static_cast<std::uint16_t>(min_), static_cast<std::uint16_t>(max_)}, kStart};
  Oracle oracle_{min_, max_, kStart};
};

TEST_CASE("the pool agrees with its policy, whatever happens") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Comparison comparison(seed);
    for (int i = 0; i < 300; ++i) comparison.step();
  }
}

}  // namespace
}  // namespace fairlead::core
