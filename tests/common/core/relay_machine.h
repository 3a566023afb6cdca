#pragma once
// A RelayState that is driven by hand, for the tests of its parts.
#include <vector>

#include "common/core/relay_state.h"
#include "tests/support/doctest.h"

namespace fairlead::core::test {

using Kind = RelayStep::Kind;
inline constexpr Side kClient = Side::client;
inline constexpr Side kService = Side::service;
inline constexpr RelayTimes kTimes{.idle_timeout = 60s, .half_close_timeout = 10s};

inline TimePoint at(Duration since_start) {
  return TimePoint(1000s + since_start);
}

struct Machine : RelayState {
  Machine() : RelayState(kTimes, at(0s)) {}

  void pass(Side from, std::size_t n) {
    received(from, n);
    written(other(from), n);
  }
  std::vector<RelayStep> steps(Duration since_start = 0s) {
    std::vector<RelayStep> all;
    while (const auto step = next_step(at(since_start))) all.push_back(*step);
    return all;
  }
  // The only step, which must end the relay.
  Reason end(Duration since_start = 0s) {
    const auto all = steps(since_start);
    REQUIRE(all.size() == 1);
    REQUIRE(all[0].kind == Kind::finish);
    CHECK(finished());
    CHECK(steps(since_start).empty());
    return all[0].reason;
  }
  void expect(Kind kind, Side side, Duration since_start = 0s) {
    const auto all = steps(since_start);
    REQUIRE(all.size() == 1);
    CHECK(all[0].kind == kind);
    CHECK(all[0].side == side);
  }
};

}  // namespace fairlead::core::test
