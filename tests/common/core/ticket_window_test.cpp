#include "common/core/ticket_window.h"

#include <limits>
#include <set>

#include "common/base/random.h"
#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

// The rule, without a bitmap.
class Oracle {
 public:
  bool accept(std::uint64_t counter) {
    if (counter == kMax) return false;
    if (!seen_.empty() && *seen_.rbegin() >= counter && *seen_.rbegin() - counter >= kTicketWindow) return false;
    return seen_.insert(counter).second;
  }

 private:
  std::set<std::uint64_t> seen_;
};

TEST_CASE("each counter once, in any order within the window") {
  TicketWindow window;
  for (const std::uint64_t counter : {5, 3, 4, 0, 1, 2, 1023}) CHECK(window.accept(counter));
  for (const std::uint64_t counter : {5, 3, 4, 0, 1, 2, 1023}) {
    CHECK(window.accept(counter).error().reason == Reason::ticket_replayed);
  }
}

TEST_CASE("the borders of the window") {
  TicketWindow window;
  CHECK(window.accept(kTicketWindow));
  CHECK(window.accept(1));        // the lowest still inside
  CHECK_FALSE(window.accept(0));  // one below
  CHECK_FALSE(window.accept(1));
  CHECK(window.accept(2 * kTicketWindow));  // exactly one window further: everything old falls out
  CHECK_FALSE(window.accept(kTicketWindow));
  CHECK(window.accept(kTicketWindow + 1));
}

TEST_CASE("the highest numbers") {
  TicketWindow window;
  CHECK(window.accept(0));
  CHECK_FALSE(window.accept(kMax));
  CHECK(window.accept(kMax - 1));
  CHECK_FALSE(window.accept(kMax - 1));
  CHECK(window.accept(kMax - 2));
  CHECK(window.accept(kMax - kTicketWindow));
  CHECK_FALSE(window.accept(kMax - kTicketWindow - 1));
  CHECK_FALSE(window.accept(0));
}

TEST_CASE("the window agrees with the rule on any sequence") {
  SeededRng rng(7);
  for (int run = 0; run < 50; ++run) {
    TicketWindow window;
    Oracle oracle;
    std::uint64_t base = rng.below(3000);
    for (int step = 0; step < 3000; ++step) {
      if (rng.below(10) == 0) base += rng.below(200);
      if (rng.below(500) == 0) base += kTicketWindow - 2 + rng.below(5);
      const std::uint64_t counter = base + rng.below(1500);
      if (window.accept(counter).has_value() != oracle.accept(counter)) {
        FAIL("run " << run << " step " << step << " counter " << counter);
      }
    }
  }
}

}  // namespace
}  // namespace fairlead::core
