#include "rendezvous/verify/verdict_time.h"

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

TEST_CASE("a failure is never told before a silent address would have been given up, and not at a fixed time") {
  SeededRng rng{1};
  const TimePoint began{1h};
  for (const VerifyDial kind : {VerifyDial::full, VerifyDial::liveness}) {
    TimePoint least = TimePoint::max();
    TimePoint most = began;
    for (int i = 0; i < 1000; ++i) {
      const TimePoint told = failure_told_at(kind, began, rng);
      least = std::min(least, told);
      most = std::max(most, told);
    }
    CHECK(least >= began + dial_timeout(kind));
    CHECK(most < began + dial_timeout(kind) + kVerdictJitter);
    CHECK(most - least > kVerdictJitter / 2);
  }
}

}  // namespace
}  // namespace fairlead::rendezvous
