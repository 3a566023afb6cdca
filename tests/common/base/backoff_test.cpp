#include "common/base/backoff.h"

#include "tests/support/doctest.h"

namespace fairlead {
namespace {

// An Rng whose every word is the same: the jitter at its least or most.
class FixedRng final : public Rng {
 public:
  explicit FixedRng(std::uint64_t word) : word_(word) {}
  std::uint64_t next() override { return word_; }

 private:
  std::uint64_t word_;
};

TEST_CASE("the ceiling doubles from first to most, and starts again after a reset") {
  FixedRng most(~std::uint64_t{0});
  Backoff backoff({.first = 500ms, .most = 3s});
  for (const Duration expected : {Duration(500ms), Duration(1s), Duration(2s), Duration(3s), Duration(3s)}) {
    CHECK(backoff.next(most) == expected);
  }
  backoff.reset();
  CHECK(backoff.next(most) == 500ms);
}

TEST_CASE("full jitter reaches down to nothing") {
  FixedRng least(0);
  Backoff backoff({});
  for (int i = 0; i < 10; ++i) CHECK(backoff.next(least) == 0ms);
}

TEST_CASE("a cap bounds the wait but does not hold the ceiling back") {
  FixedRng most(~std::uint64_t{0});
  Backoff backoff({});
  for (int i = 0; i < 10; ++i) CHECK(backoff.next(most, 2s) <= 2s);
  CHECK(backoff.next(most) == 30s);
}

TEST_CASE("waits of many agents spread over the whole range") {
  SeededRng rng(1);
  int early = 0;
  for (int i = 0; i < 1000; ++i) {
    Backoff backoff({.first = 1s, .most = 1s});
    const Duration wait = backoff.next(rng);
    CHECK(wait >= 0s);
    CHECK(wait <= 1s);
    if (wait < 500ms) ++early;
  }
  CHECK(early > 400);
  CHECK(early < 600);
}

}  // namespace
}  // namespace fairlead
