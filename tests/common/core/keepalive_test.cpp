#include "common/core/keepalive.h"

#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

const TimePoint kStart{1h};

TEST_CASE("the first ping goes at once, then one per interval") {
  Keepalive keepalive(25s, kStart);
  CHECK(keepalive.deadline() == kStart);
  const auto first = keepalive.take_ping(kStart);
  REQUIRE(first);
  CHECK_FALSE(keepalive.take_ping(kStart));
  CHECK(keepalive.on_pong(*first, kStart + 40ms).rtt == 40ms);
  CHECK(keepalive.deadline() == kStart + 25s);
  CHECK_FALSE(keepalive.take_ping(kStart + 25s - 1us));
  CHECK(keepalive.take_ping(kStart + 25s));
}

TEST_CASE("keepalive: a round trip within one tick of the clock is measured, too") {
  Keepalive keepalive(25s, kStart);
  const auto ping = keepalive.take_ping(kStart);
  CHECK(keepalive.on_pong(*ping, kStart).rtt == kClockStep);
}

TEST_CASE("pongs that are late, repeated or invented measure nothing") {
  Keepalive keepalive(25s, kStart);
  const auto first = keepalive.take_ping(kStart);
  const auto second = keepalive.take_ping(kStart + 25s);
  CHECK_FALSE(keepalive.on_pong(*second + 1, kStart + 25s).rtt);
  CHECK_FALSE(keepalive.on_pong(0, kStart + 25s).rtt);
  CHECK_FALSE(keepalive.on_pong(*first, kStart + 25s).rtt);
  CHECK(keepalive.on_pong(*second, kStart + 26s).rtt == 1s);
  CHECK_FALSE(keepalive.on_pong(*second, kStart + 27s).rtt);
}

TEST_CASE("an invented or repeated pong is no sign of life") {
  Keepalive keepalive(25s, kStart);
  const auto first = keepalive.take_ping(kStart);
  keepalive.on_pong(*first, kStart);
  keepalive.take_ping(kStart + 25s);
  keepalive.take_ping(kStart + 50s);
  keepalive.on_pong(*first, kStart + 60s);
  keepalive.on_pong(1000, kStart + 60s);
  CHECK_FALSE(keepalive.dead(kStart + 75s - 1us));
  CHECK(keepalive.dead(kStart + 75s));
  CHECK_FALSE(keepalive.take_ping(kStart + 75s));
}

TEST_CASE("a stall of our own is not the peer's death") {
  Keepalive keepalive(25s, kStart);
  const auto first = keepalive.take_ping(kStart);
  keepalive.on_pong(*first, kStart);
  // Nothing ran for an hour: the ping goes out late and gets its whole interval.
  CHECK_FALSE(keepalive.dead(kStart + 1h));
  CHECK(keepalive.take_ping(kStart + 1h));
  CHECK_FALSE(keepalive.dead(kStart + 1h));
  CHECK(keepalive.deadline() == kStart + 1h + 25s);
}

TEST_CASE("a pong to an older ping does not answer a probe") {
  Keepalive keepalive(25s, kStart);
  const auto before = keepalive.take_ping(kStart);
  const auto probe = keepalive.probe(kStart + 1s, kStart + 3s);
  CHECK(keepalive.deadline() == kStart + 3s);
  CHECK_FALSE(keepalive.on_pong(*before, kStart + 2s).probe_answered);
  CHECK_FALSE(keepalive.dead(kStart + 3s - 1us));
  CHECK(keepalive.dead(kStart + 3s));
  CHECK(keepalive.on_pong(probe, kStart + 3s).probe_answered);
  CHECK_FALSE(keepalive.dead(kStart + 3s));
}

TEST_CASE("a second probe joins the first: the earlier deadline, one answer") {
  Keepalive keepalive(25s, kStart);
  const auto first = keepalive.probe(kStart, kStart + 3s);
  keepalive.probe(kStart + 1s, kStart + 2s);
  CHECK(keepalive.dead(kStart + 2s));
  CHECK(keepalive.on_pong(first, kStart + 1s).probe_answered);
  CHECK_FALSE(keepalive.dead(kStart + 10s));
}

}  // namespace
}  // namespace fairlead::core
