#include "agent/resource/target_health.h"

#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

const TimePoint kStart{24h};

TEST_CASE("a service that nobody has called has no state") {
  TargetHealth health;
  CHECK_FALSE(health.find("web", kStart));
  health.failed("web", Reason::client_closed, "", kStart);  // says nothing about the target
  health.connected("web", kStart);
  CHECK_FALSE(health.find("web", kStart));
}

TEST_CASE("a dead target: since when, why, how often") {
  TargetHealth health;
  health.failed("web", Reason::target_refused, "127.0.0.1:1: Connection refused", kStart);
  health.failed("web", Reason::target_refused, "127.0.0.1:1: Connection refused", kStart + 1s);
  health.failed("web", Reason::target_timeout, "no answer", kStart + 2s);
  health.failed("web", Reason::target_unreachable, "no way", kStart + 3s);
  health.failed("web", Reason::service_not_tls, "", kStart + 4s);
  const auto state = health.find("web", kStart + 5s);
  REQUIRE(state);
  CHECK(state->failing == Reason::service_not_tls);
  CHECK(state->since == kStart);
  CHECK(state->latest == kStart + 4s);
  CHECK(state->refused == 3);
  CHECK(state->silent == 2);
  CHECK(state->served == 0);
  CHECK_FALSE(health.find("mail", kStart));
}

TEST_CASE("served again: the state turns, the window remembers") {
  TargetHealth health;
  health.served("web", kStart);
  health.failed("web", Reason::target_refused, "why", kStart + 1min);
  CHECK(health.find("web", kStart + 1min)->since == kStart + 1min);
  CHECK(health.find("web", kStart + 1min)->detail == "why");
  health.served("web", kStart + 2min);
  health.served("web", kStart + 3min);
  const auto state = health.find("web", kStart + 3min);
  CHECK_FALSE(state->failing);
  CHECK(state->detail.empty());
  CHECK(state->since == kStart + 2min);
  CHECK(state->served == 3);
  CHECK(state->refused == 1);
}

TEST_CASE("a connection ends what was wrong with connecting, and nothing else") {
  TargetHealth health;
  health.failed("web", Reason::target_timeout, "", kStart);
  health.connected("web", kStart + 1s);
  CHECK_FALSE(health.find("web", kStart + 1s)->failing);
  health.failed("web", Reason::service_not_tls, "", kStart + 2s);
  health.connected("web", kStart + 3s);
  CHECK(health.find("web", kStart + 3s)->failing == Reason::service_not_tls);
}

TEST_CASE("counts leave with their time, the latest outcome stays") {
  TargetHealth health;
  for (int minute = 0; minute < 20; ++minute) {
    health.failed("web", Reason::target_refused, "", kStart + minute * 1min);
    CHECK(health.find("web", kStart + minute * 1min)->refused == std::min<std::uint64_t>(minute + 1, 10));
  }
  const auto later = health.find("web", kStart + 2h);
  CHECK(later->refused == 0);
  CHECK(later->failing == Reason::target_refused);
  CHECK(later->since == kStart);
}

}  // namespace
}  // namespace fairlead::agent
