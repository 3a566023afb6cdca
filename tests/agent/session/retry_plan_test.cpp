// When a link tries again, and what of its failures is worth a line.
#include "agent/session/retry_plan.h"

#include "agent/session/recurrence.h"
#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

struct Rig {
  Duration longest(Reason reason, int attempts, std::optional<Duration> asked = std::nullopt) {
    Duration out{};
    for (int i = 0; i < attempts; ++i) out = std::max(out, plan.next_wait(reason, asked, now, rng));
    return out;
  }
  TimePoint now{1h};
  SeededRng rng{3};
  RetryPlan plan;
};

TEST_CASE("waits grow from half a second to half a minute") {
  Rig rig;
  CHECK(rig.longest(Reason::connect_timeout, 1) <= 500ms);
  CHECK(rig.longest(Reason::connect_timeout, 1) <= 1s);
  const Duration most = rig.longest(Reason::connect_timeout, 200);
  CHECK(most > 20s);
  CHECK(most <= 30s);
}

TEST_CASE("a server that refuses restarts, and so does one that said that it drains") {
  Rig rig;
  SUBCASE("refuses") {
    rig.plan.next_wait(Reason::connect_refused, std::nullopt, rig.now, rig.rng);
  }
  SUBCASE("drains") {
    rig.plan.on_draining();
  }
  const Duration most = rig.longest(Reason::connect_timeout, 200);
  CHECK(most > 1s);
  CHECK(most <= RetryPlan::kRestartCap);
  rig.plan.on_up(rig.now);  // it is back
  rig.plan.next_wait(Reason::connection_lost, std::nullopt, rig.now, rig.rng);
  CHECK(rig.longest(Reason::connect_timeout, 200) > RetryPlan::kRestartCap);
}

TEST_CASE("after a session there is a quick attempt, and after a long one all begins anew") {
  Rig rig;
  rig.longest(Reason::connect_timeout, 50);
  rig.plan.on_up(rig.now);
  CHECK(rig.plan.next_wait(Reason::connection_lost, std::nullopt, rig.now + 59s, rig.rng) <= RetryPlan::kRestartCap);
  CHECK(rig.longest(Reason::connect_timeout, 200) > 20s);
  rig.plan.on_up(rig.now);
  rig.plan.next_wait(Reason::connection_lost, std::nullopt, rig.now + RetryPlan::kHeldLongEnough, rig.rng);
  CHECK(rig.longest(Reason::connect_timeout, 1) <= 1s);
}

TEST_CASE("nobody comes before the time that a server asked for") {
  Rig rig;
  for (int i = 0; i < 100; ++i) {
    const Duration wait = rig.plan.next_wait(Reason::server_full, 30s, rig.now, rig.rng);
    CHECK(wait >= 30s);
    CHECK(wait <= 31s);
  }
  CHECK(Rig().longest(Reason::server_full, 1, 0s) <= 500ms);
}

TEST_CASE("what goes on happening is news at growing intervals") {
  Recurrence recurrence;
  TimePoint now{};
  std::vector<std::chrono::seconds> at;
  for (; now < TimePoint(5h); now += 2s) {
    if (recurrence.is_news("policy_denied", now)) {
      at.push_back(std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()));
    }
  }
  CHECK(at == std::vector<std::chrono::seconds>{0s, 1min, 3min, 7min, 15min, 31min, 1h + 3min, 2h + 3min, 3h + 3min,
                                                4h + 3min});
  CHECK(recurrence.take_silent() == 5 * 1800 - 10);
  CHECK(recurrence.take_silent() == 0);

  SUBCASE("and at once when it is something else") {
    CHECK(recurrence.is_news("name_taken", now));
    CHECK_FALSE(recurrence.is_news("name_taken", now));
    CHECK(recurrence.is_news("policy_denied", now));
  }
  SUBCASE("or when it was over in between") {
    recurrence.over();
    CHECK(recurrence.is_news("policy_denied", now));
  }
}

}  // namespace
}  // namespace fairlead::agent
