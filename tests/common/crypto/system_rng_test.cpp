#include "common/crypto/system_rng.h"

#include <algorithm>
#include <set>

#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::crypto;

TEST_CASE("numbers do not repeat") {
  SystemRng rng;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(rng.next());
  CHECK(seen.size() == 1000);
}

TEST_CASE("fill covers every byte of any size") {
  for (const std::size_t n : {0, 1, 7, 33, 1000}) {
    Bytes touched(n, 0);
    // A byte stays zero by chance once in 256 rounds: 20 rounds leave none.
    for (int round = 0; round < 20; ++round) {
      Bytes out(n);
      fill_random(out);
      for (std::size_t i = 0; i < n; ++i) touched[i] = static_cast<std::uint8_t>(touched[i] | out[i]);
    }
    CHECK(std::none_of(touched.begin(), touched.end(), [](std::uint8_t byte) { return byte == 0; }));
  }
}
