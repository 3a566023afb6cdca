#include "rendezvous/admin/recent_counts.h"

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

TEST_CASE("what happened lately is counted, and forgotten after some minutes") {
  RecentCounts counts;
  CHECK(counts.recent({0, 2}).front().count == 2);  // since the start
  counts.on_minute({0, 2});
  CHECK(counts.recent({0, 2}).empty());
  CHECK(counts.recent({3, 2}).front().count == 3);
  for (std::size_t i = 0; i + 1 < RecentCounts::kMinutes; ++i) counts.on_minute({3, 2});
  CHECK(counts.recent({3, 2}).size() == 1);
  counts.on_minute({3, 2});
  CHECK(counts.recent({3, 2}).empty());
}

}  // namespace
}  // namespace fairlead::rendezvous
