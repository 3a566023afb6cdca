#include "common/core/keepalive.h"

#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

const TimePoint kStart{1h};

TEST_CASE("the first ping goes at once, then one per interval") {
  Keepalive keepalive(PingRole::leads, 25s, kStart);
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
  Keepalive keepalive(PingRole::leads, 25s, kStart);
  const auto ping = keepalive.take_ping(kStart);
  CHECK(keepalive.on_pong(*ping, kStart).rtt == kClockStep);
}

TEST_CASE("pongs that are late, repeated or invented measure nothing") {
  Keepalive keepalive(PingRole::leads, 25s, kStart);
  const auto first = keepalive.take_ping(kStart);
  const auto second = keepalive.take_ping(kStart + 25s);
  CHECK_FALSE(keepalive.on_pong(*second + 1, kStart + 25s).rtt);
  CHECK_FALSE(keepalive.on_pong(0, kStart + 25s).rtt);
  CHECK_FALSE(keepalive.on_pong(*first, kStart + 25s).rtt);
  CHECK(keepalive.on_pong(*second, kStart + 26s).rtt == 1s);
  CHECK_FALSE(keepalive.on_pong(*second, kStart + 27s).rtt);
}

TEST_CASE("an invented or repeated pong is no sign of life") {
  Keepalive keepalive(PingRole::leads, 25s, kStart);
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
  Keepalive keepalive(PingRole::leads, 25s, kStart);
  const auto first = keepalive.take_ping(kStart);
  keepalive.on_pong(*first, kStart);
  // Nothing ran for an hour: the ping goes out late and gets its whole interval.
  CHECK_FALSE(keepalive.dead(kStart + 1h));
  CHECK(keepalive.take_ping(kStart + 1h));
  CHECK_FALSE(keepalive.dead(kStart + 1h));
  CHECK(keepalive.deadline() == kStart + 1h + 25s);
}

TEST_CASE("a pong to an older ping does not answer a probe") {
  Keepalive keepalive(PingRole::leads, 25s, kStart);
  const auto before = keepalive.take_ping(kStart);
  const auto probe = keepalive.probe(kStart + 1s, kStart + 3s);
  CHECK(keepalive.deadline() == kStart + 3s);
  CHECK_FALSE(keepalive.on_pong(*before, kStart + 2s).probe_answered);
  CHECK_FALSE(keepalive.dead(kStart + 3s - 1us));
  CHECK(keepalive.dead(kStart + 3s));
  CHECK(keepalive.on_pong(probe, kStart + 3s).probe_answered);
  CHECK_FALSE(keepalive.dead(kStart + 3s));
}

TEST_CASE("who follows answers the peer's pings and sends none of its own but the first") {
  Keepalive keepalive(PingRole::follows, 25s, kStart);
  const auto first = keepalive.take_ping(kStart);
  REQUIRE(first);
  CHECK(keepalive.on_pong(*first, kStart + 40ms).rtt == 40ms);
  for (TimePoint now = kStart; now < kStart + 1h; now += 25s) {
    CHECK_FALSE(keepalive.take_ping(now));
    keepalive.on_peer_ping(now);
    CHECK_FALSE(keepalive.dead(now));
    CHECK(keepalive.deadline() == now + 25s + Duration(25s) / kFollowerGrace);
  }
}

TEST_CASE("the peer's missing ping is the first one missed, our own without an answer the second") {
  Keepalive keepalive(PingRole::follows, 25s, kStart);
  keepalive.on_pong(*keepalive.take_ping(kStart), kStart);
  keepalive.on_peer_ping(kStart);
  const TimePoint late = keepalive.deadline();
  CHECK_FALSE(keepalive.dead(late));
  REQUIRE(keepalive.take_ping(late));
  CHECK_FALSE(keepalive.dead(late + 25s - 1us));
  CHECK(keepalive.dead(late + 25s));
  // A ping that comes after all shows that both directions work.
  keepalive.on_peer_ping(late + 25s);
  CHECK_FALSE(keepalive.dead(late + 25s));
}

TEST_CASE("a peer that answers and never pings is pinged once per interval") {
  Keepalive keepalive(PingRole::follows, 25s, kStart);
  TimePoint now = kStart;
  for (int i = 0; i < 10; ++i, now += 25s) {
    const auto ping = keepalive.take_ping(now);
    REQUIRE(ping);
    CHECK(keepalive.on_pong(*ping, now + 1s).rtt == 1s);
    CHECK_FALSE(keepalive.dead(now + 25s));
    CHECK(keepalive.deadline() == now + 25s);
  }
  CHECK(keepalive.take_ping(now));
  CHECK(keepalive.take_ping(now + 25s));
  CHECK(keepalive.dead(now + 50s));
}

TEST_CASE("pings of the peer prove nothing to who leads") {
  Keepalive keepalive(PingRole::leads, 25s, kStart);
  REQUIRE(keepalive.take_ping(kStart));
  keepalive.on_peer_ping(kStart + 20s);
  REQUIRE(keepalive.take_ping(kStart + 25s));
  keepalive.on_peer_ping(kStart + 49s);
  CHECK(keepalive.dead(kStart + 50s));
}

TEST_CASE("a stall of a follower is not the peer's death") {
  Keepalive keepalive(PingRole::follows, 25s, kStart);
  keepalive.on_pong(*keepalive.take_ping(kStart), kStart);
  keepalive.on_peer_ping(kStart);
  CHECK_FALSE(keepalive.dead(kStart + 1h));
  CHECK(keepalive.take_ping(kStart + 1h));
  CHECK_FALSE(keepalive.dead(kStart + 1h));
  keepalive.on_peer_ping(kStart + 1h);  // it had waited in the socket
  CHECK_FALSE(keepalive.dead(kStart + 1h + 25s));
}

TEST_CASE("a second probe joins the first: the earlier deadline, one answer") {
  Keepalive keepalive(PingRole::leads, 25s, kStart);
  const auto first = keepalive.probe(kStart, kStart + 3s);
  keepalive.probe(kStart + 1s, kStart + 2s);
  CHECK(keepalive.dead(kStart + 2s));
  CHECK(keepalive.on_pong(first, kStart + 1s).probe_answered);
  CHECK_FALSE(keepalive.dead(kStart + 10s));
}

}  // namespace
}  // namespace fairlead::core
