#include "common/core/name_cache.h"

#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

const TimePoint kStart{1h};
const NameAnswer kOne{.addresses = {*IpAddress::parse("192.0.2.1")}, .failure = ""};
const NameAnswer kTwo{.addresses = {*IpAddress::parse("192.0.2.2")}, .failure = ""};
const NameAnswer kSilent{.addresses = {}, .failure = "Temporary failure in name resolution", .gone = false};
const NameAnswer kGone{.addresses = {}, .failure = "Name or service not known", .gone = true};

TEST_CASE("an answer stands for a new one for its time, and may be told for an hour") {
  NameCache cache;
  CHECK_FALSE(cache.fresh("db", kStart));
  CHECK(cache.stale("db", kStart) == nullptr);
  cache.learned("db", kOne, kStart);
  CHECK(cache.fresh("db", kStart) == kOne);
  CHECK(cache.fresh("db", kStart + NameCache::kFresh - 1us) == kOne);
  CHECK_FALSE(cache.fresh("db", kStart + NameCache::kFresh));
  REQUIRE(cache.stale("db", kStart + NameCache::kStale - 1us) != nullptr);
  CHECK(*cache.stale("db", kStart + NameCache::kStale - 1us) == kOne);
  CHECK(cache.stale("db", kStart + NameCache::kStale) == nullptr);
  CHECK_FALSE(cache.fresh("web", kStart));
  cache.learned("db", kTwo, kStart + 1min);
  CHECK(cache.fresh("db", kStart + 1min) == kTwo);
}

TEST_CASE("a failure stands for a moment, so that a burst of askers asks once") {
  NameCache cache;
  for (const NameAnswer& failure : {kSilent, kGone}) {
    cache.learned("db", failure, kStart);
    CHECK(cache.fresh("db", kStart) == failure);
    CHECK(cache.fresh("db", kStart + NameCache::kFailureFresh - 1us) == failure);
    CHECK_FALSE(cache.fresh("db", kStart + NameCache::kFailureFresh));
    CHECK(cache.stale("db", kStart) == nullptr);
  }
}

TEST_CASE("a name server that fails leaves what was known; one that says there is no such name does not") {
  NameCache cache;
  cache.learned("db", kOne, kStart);
  cache.learned("db", kSilent, kStart + 1min);
  CHECK(cache.fresh("db", kStart + 1min) == kOne);
  CHECK_FALSE(cache.fresh("db", kStart + 1min + NameCache::kFailureFresh));
  CHECK(*cache.stale("db", kStart + 2min) == kOne);
  CHECK(cache.fresh("db", kStart + 2min) == std::nullopt);
  cache.learned("db", kGone, kStart + 2min);
  CHECK(cache.fresh("db", kStart + 2min) == kGone);
  CHECK(cache.stale("db", kStart + 2min) == nullptr);
  cache.learned("db", kTwo, kStart + 3min);
  CHECK(cache.fresh("db", kStart + 3min) == kTwo);
}

TEST_CASE("addresses that are too old are not told, whatever fails") {
  NameCache cache;
  cache.learned("db", kOne, kStart);
  cache.learned("db", kSilent, kStart + NameCache::kStale);
  CHECK(cache.fresh("db", kStart + NameCache::kStale) == kSilent);
}

TEST_CASE("after a network change everything is looked up anew") {
  NameCache cache;
  cache.learned("db", kOne, kStart);
  cache.learned("web", kSilent, kStart);
  cache.network_changed();
  CHECK_FALSE(cache.fresh("db", kStart));
  CHECK_FALSE(cache.fresh("web", kStart));
  CHECK(*cache.stale("db", kStart) == kOne);
  cache.learned("db", kOne, kStart + 1s);
  CHECK(cache.fresh("db", kStart + 1s) == kOne);
}

TEST_CASE("it is bounded: what was learned first goes") {
  NameCache cache;
  cache.learned("first", kOne, kStart);
  for (std::size_t i = 0; i < NameCache::kMost; ++i) cache.learned(std::to_string(i), kTwo, kStart + 1s);
  CHECK_FALSE(cache.fresh("first", kStart + 1s));
  CHECK(cache.fresh("0", kStart + 1s) == kTwo);
  cache.learned("0", kOne, kStart + 2s);
  CHECK(cache.fresh(std::to_string(NameCache::kMost - 1), kStart + 2s) == kTwo);
}

}  // namespace
}  // namespace fairlead::core
