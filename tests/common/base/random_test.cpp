#include "common/base/random.h"

#include <set>

#include "tests/support/doctest.h"

namespace fairlead {
namespace {

TEST_CASE("a seed repeats its run, another seed does not") {
  SeededRng a(7);
  SeededRng b(7);
  SeededRng other(8);
  bool differs = false;
  for (int i = 0; i < 10; ++i) {
    const std::uint64_t word = a.next();
    CHECK(word == b.next());
    differs = differs || word != other.next();
  }
  CHECK(differs);
}

TEST_CASE("SplitMix64 of the published vector") {
  SeededRng rng(1234567);
  CHECK(rng.next() == 6457827717110365317u);
  CHECK(rng.next() == 3203168211198807973u);
}

TEST_CASE("below reaches every value and never the bound") {
  SeededRng rng(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(rng.below(6));
  CHECK(seen == std::set<std::uint64_t>{0, 1, 2, 3, 4, 5});
  CHECK(rng.below(1) == 0);
}

TEST_CASE("fill covers lengths that are not whole words") {
  for (std::size_t size = 0; size < 20; ++size) {
    SeededRng rng(3);
    Bytes out(size, 0);
    rng.fill(out);
    SeededRng again(3);
    Bytes longer(20, 0);
    again.fill(longer);
    CHECK(std::equal(out.begin(), out.end(), longer.begin()));
  }
}

}  // namespace
}  // namespace fairlead
