#include "common/route/outcome_record.h"

#include "common/route/endpoint_load.h"
#include "tests/support/doctest.h"

namespace fairlead::route {
namespace {

TimePoint at(Duration since_start) {
  return TimePoint(since_start);
}

TEST_CASE("two failures make an endpoint one that fails, one or two far apart do not") {
  OutcomeRecord record;
  record.failed(at(1s));
  CHECK_FALSE(record.is_failing());
  record.failed(at(32s));
  CHECK(record.is_failing());

  OutcomeRecord rare;
  rare.failed(at(1s));
  rare.failed(at(91s));
  CHECK_FALSE(rare.is_failing());
}

TEST_CASE("failures that are the exception do not count") {
  OutcomeRecord record;
  for (int i = 0; i < 20; ++i) record.succeeded(at(1s));
  for (int i = 0; i < 10; ++i) record.failed(at(1s));
  CHECK_FALSE(record.is_failing());
  for (int i = 0; i < 10; ++i) record.failed(at(1s));
  CHECK(record.is_failing());
}

TEST_CASE("one success among many failures proves little, many do") {
  OutcomeRecord record;
  for (int i = 0; i < 6; ++i) record.failed(at(1s));
  record.succeeded(at(1s));
  CHECK(record.is_failing());
  for (int i = 0; i < 6; ++i) record.succeeded(at(1s));
  CHECK_FALSE(record.is_failing());
}

TEST_CASE("what was is forgotten, half of it each time") {
  OutcomeRecord record;
  for (int i = 0; i < 4; ++i) record.failed(at(0s));
  record.failed(at(kOutcomeHalfLife));
  CHECK(record.failures() == doctest::Approx(3));
  record.succeeded(at(100 * kOutcomeHalfLife));
  CHECK(record.failures() == doctest::Approx(0));
  CHECK(record.failing_share() < 0.01);
}

TEST_CASE("outcomes that arrive out of order do not turn time back") {
  OutcomeRecord record;
  record.failed(at(60s));
  record.failed(at(30s));
  CHECK(record.failures() == doctest::Approx(2));
}

TEST_CASE("an endpoint that accepts and closes is set aside for half a minute, and says why") {
  EndpointLoad load;
  for (int i = 0; i < 2; ++i) {
    load.on_accepted();
    CHECK_FALSE(load.is_set_aside(at(9s)));
    load.on_came_to_nothing(at(10s), Reason::service_ended_early);
  }
  CHECK(load.fails_its_clients(at(10s)));
  CHECK(load.is_set_aside(at(39s)));
  CHECK_FALSE(load.refuses(at(10s)));
  CHECK(load.weight(at(10s)) == kFailurePenalty);
  const auto trouble = load.trouble(at(10s));
  REQUIRE(trouble);
  CHECK(trouble->reason == Reason::service_ended_early);
  CHECK(trouble->failures == 2);
  CHECK(trouble->successes == 0);
  // Then it may show whether it got well.
  CHECK_FALSE(load.is_set_aside(at(40s)));
  CHECK(load.weight(at(40s)) == 0);
  CHECK_FALSE(load.trouble(at(40s)));
}

TEST_CASE("an endpoint that serves is back at once") {
  EndpointLoad load;
  for (int i = 0; i < 3; ++i) load.on_came_to_nothing(at(10s), Reason::service_ended_early);
  for (int i = 0; i < 4; ++i) load.on_served(at(11s));
  CHECK_FALSE(load.is_set_aside(at(11s)));
  CHECK(load.weight(at(11s)) < kFailurePenalty / 2);
}

TEST_CASE("one connection of a thousand that comes to nothing weighs little") {
  EndpointLoad load;
  for (int i = 0; i < 999; ++i) load.on_served(at(10s));
  load.on_came_to_nothing(at(10s), Reason::service_reset);
  CHECK(load.weight(at(10s)) == 1);
}

}  // namespace
}  // namespace fairlead::route
