#include "common/core/connect_race.h"

#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

const SocketAddress kA = *SocketAddress::parse("192.0.2.1:443");
const SocketAddress kB = *SocketAddress::parse("192.0.2.2:443");
const SocketAddress kC = *SocketAddress::parse("[2001:db8::3]:443");
const TimePoint kStart{1h};

TEST_CASE("nothing to dial is lost at once") {
  CHECK(ConnectRace().lost());
  CHECK(ConnectRace(std::vector<SocketAddress>()).lost());
  CHECK_FALSE(ConnectRace().deadline());
}

TEST_CASE("silent addresses: the next attempt every 250 ms") {
  ConnectRace race({kA, kB, kC});
  CHECK(race.take_due(kStart) == kA);
  CHECK_FALSE(race.take_due(kStart));
  CHECK(race.deadline() == kStart + 250ms);
  CHECK_FALSE(race.take_due(kStart + 249ms));
  CHECK(race.take_due(kStart + 250ms) == kB);
  CHECK(race.deadline() == kStart + 500ms);
  CHECK(race.take_due(kStart + 600ms) == kC);
  CHECK_FALSE(race.deadline());
  CHECK_FALSE(race.lost());
}

TEST_CASE("a failure gives the next address its turn at once") {
  ConnectRace race({kA, kB, kC});
  CHECK(race.take_due(kStart) == kA);
  race.on_failed(kStart + 10ms);
  CHECK(race.deadline() == kStart + 10ms);
  CHECK(race.take_due(kStart + 10ms) == kB);
  CHECK_FALSE(race.take_due(kStart + 10ms));
  CHECK(race.take_due(kStart + 260ms) == kC);
  race.on_failed(kStart + 300ms);
  CHECK_FALSE(race.lost());  // one is still silent
  race.on_failed(kStart + 2s);
  CHECK(race.lost());
}

TEST_CASE("who is busy is asked again, later and later, and fails only by failing") {
  ConnectRace race({kA});
  TimePoint now = kStart;
  Duration pause = 2ms;
  for (int i = 0; i < 10; ++i) {
    REQUIRE(race.take_due(now) == kA);
    race.on_busy(kA, now);
    CHECK_FALSE(race.lost());
    CHECK(race.deadline() == now + pause);
    CHECK_FALSE(race.take_due(now + pause - 1us));
    now += pause;
    pause = std::min(2 * pause, Duration(50ms));
  }
  CHECK(pause == 50ms);
  CHECK(race.take_due(now) == kA);
  race.on_failed(now);
  CHECK(race.lost());
}

TEST_CASE("an endless answer of a name server is cut") {
  std::vector<SocketAddress> many(1000, kA);
  ConnectRace race(many);
  std::size_t attempts = 0;
  while (race.take_due(kStart)) {
    ++attempts;
    race.on_failed(kStart);
  }
  CHECK(attempts == ConnectRace::kMostAddresses);
  CHECK(race.lost());
}

}  // namespace
}  // namespace fairlead::core
