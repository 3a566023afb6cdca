#include "common/core/takeover.h"

#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

constexpr wire::BootId kBoot{1};
constexpr wire::BootId kOtherBoot{2};

TEST_CASE("the same start of an agent: the higher counter wins") {
  CHECK(decide_takeover({kBoot, 1}, {kBoot, 2}) == Takeover::replace);
  CHECK(decide_takeover({kBoot, 1}, {kBoot, UINT64_MAX}) == Takeover::replace);
  CHECK(decide_takeover({kBoot, 2}, {kBoot, 2}) == Takeover::refuse_stale);
  CHECK(decide_takeover({kBoot, 2}, {kBoot, 1}) == Takeover::refuse_stale);
  CHECK(decide_takeover({kBoot, UINT64_MAX}, {kBoot, 0}) == Takeover::refuse_stale);
}

TEST_CASE("another start: the old session is asked, whatever the counters say") {
  for (const std::uint64_t counter : {0ULL, 1ULL, 2ULL, 100ULL}) {
    CHECK(decide_takeover({kBoot, 1}, {kOtherBoot, counter}) == Takeover::probe_old);
  }
}

}  // namespace
}  // namespace fairlead::core
