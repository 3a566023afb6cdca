#include "common/core/token_bucket.h"

#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

const TimePoint kStart{1h};

TEST_CASE("a burst, then a pace") {
  TokenBucket bucket(3, 2, kStart);
  for (int i = 0; i < 3; ++i) CHECK(bucket.take(kStart));
  CHECK_FALSE(bucket.take(kStart));
  const TimePoint next = bucket.ready_at(kStart);
  CHECK(next > kStart + 400ms);
  CHECK(next <= kStart + 501ms);
  CHECK_FALSE(bucket.take(kStart + 499ms));
  CHECK(bucket.take(next));
  CHECK_FALSE(bucket.take(next));
}

TEST_CASE("rest fills it up to the burst and no further; time that goes back gives nothing") {
  TokenBucket bucket(2, 100, kStart);
  CHECK(bucket.ready_at(kStart + 1h) == kStart + 1h);
  CHECK(bucket.take(kStart + 1h));
  CHECK(bucket.take(kStart + 1h));
  CHECK_FALSE(bucket.take(kStart + 1h));
  CHECK_FALSE(bucket.take(kStart));
}

}  // namespace
}  // namespace fairlead::core
