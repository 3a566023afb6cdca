#include "rendezvous/control/identity_pauses.h"

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

const TimePoint kNow{1h};

TEST_CASE("an identity waits for its time, others do not") {
  IdentityPauses pauses;
  pauses.pause("a", kNow + 60s);
  CHECK(pauses.left("a", kNow) == 60s);
  CHECK(pauses.left("a", kNow + 59s) == 1s);
  CHECK(pauses.left("a", kNow + 60s) == 0s);
  CHECK(pauses.left("b", kNow) == 0s);
}

TEST_CASE("full: the pause that ends first gives way") {
  IdentityPauses pauses;
  pauses.pause("first", kNow + 1s);
  for (std::size_t i = 1; i < IdentityPauses::kMost; ++i) pauses.pause(std::to_string(i), kNow + 60s);
  pauses.pause("late", kNow + 60s);
  CHECK(pauses.left("first", kNow) == 0s);
  CHECK(pauses.left("late", kNow) == 60s);
}

}  // namespace
}  // namespace fairlead::rendezvous
