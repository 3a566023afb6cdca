// What the agent decides by itself: whose turn it is among its servers, and when a stop is done.
#include <vector>

#include "agent/server_choice.h"
#include "agent/stop_plan.h"
#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

TEST_CASE("as many servers as sessions: whoever fails goes on trying") {
  ServerChoice choice(2);
  CHECK(choice.first() == 2);
  CHECK_FALSE(choice.on_failed(0));
  CHECK_FALSE(choice.on_failed(1));
  CHECK(ServerChoice(1).first() == 1);
}

TEST_CASE("one that fails gives way to the one that has rested longest, and comes last") {
  ServerChoice choice(4);
  CHECK(choice.first() == 2);
  CHECK(choice.on_failed(0) == 2);  // 1 and 2 are active
  CHECK(choice.on_failed(2) == 3);
  CHECK(choice.on_failed(3) == 0);
  CHECK(choice.on_failed(1) == 2);
  CHECK(choice.on_failed(0) == 3);
}

TEST_CASE("every server has its turn, however often one fails") {
  ServerChoice choice(8);
  std::size_t failing = 0;
  std::vector<std::size_t> tried;
  for (int i = 0; i < 7; ++i) tried.push_back(failing = *choice.on_failed(failing));
  CHECK(tried == std::vector<std::size_t>{2, 3, 4, 5, 6, 7, 0});
}

TEST_CASE("a stop waits for live connections and for the gateways, each for its time") {
  const TimePoint begin{1h};
  StopPlan plan;
  CHECK_FALSE(plan.begun());
  CHECK_FALSE(plan.done(begin, 0));
  CHECK(plan.begin(begin, 5s, 3s) == StopPlan::Step::drain);
  CHECK(plan.begun());
  CHECK_FALSE(plan.done(begin, 0));       // the mappings
  CHECK_FALSE(plan.done(begin + 3s, 1));  // a relay
  CHECK(plan.done(begin + 3s, 0));
  CHECK(plan.done(begin + 5s, 7));

  SUBCASE("not longer than the gateways need") {
    plan.on_unmapped();
    CHECK(plan.done(begin, 0));
    CHECK_FALSE(plan.done(begin, 1));
  }
  SUBCASE("and a second wish does not wait at all") {
    CHECK(plan.begin(begin, 5s, 3s) == StopPlan::Step::stop_now);
  }
}

}  // namespace
}  // namespace fairlead::agent
