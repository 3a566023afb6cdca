#include "common/front/lobby.h"

#include "tests/support/doctest.h"

namespace fairlead::front {
namespace {

using Sources = Lobby::Sources;

IpAddress v4(unsigned last) {
  return IpAddress::v4({192, 0, 2, static_cast<std::uint8_t>(last)});
}

// A host of one /64.
IpAddress neighbour(unsigned host) {
  std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
  bytes[14] = static_cast<std::uint8_t>(host >> 8);
  bytes[15] = static_cast<std::uint8_t>(host);
  return IpAddress::v6(bytes);
}

struct Rig {
  explicit Rig(std::size_t total_max, std::size_t per_source_max) : total(total_max), per_source(per_source_max) {}
  Gauge total;
  SourceGauge per_source;
  Lobby lobby{total, per_source};
};

TEST_CASE("the oldest of a source that has its maximum goes, the newcomer stays") {
  Rig rig(100, 2);
  CHECK(rig.lobby.enter(1, v4(1), Sources::counted).empty());
  CHECK(rig.lobby.enter(2, v4(1), Sources::counted).empty());
  const auto gone = rig.lobby.enter(3, v4(1), Sources::counted);
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].number == 1);
  CHECK(gone[0].reason == Reason::unclassified_per_source);
  CHECK(rig.per_source.highest() == 2);
  CHECK(rig.total.used() == 2);
}

TEST_CASE("when all is full, the fullest source pays, and ten of ten honest callers are let in") {
  Rig rig(256, 200);
  std::uint64_t number = 0;
  for (unsigned i = 0; i < 10'000; ++i) rig.lobby.enter(++number, neighbour(i), Sources::counted);
  CHECK(rig.lobby.size() == 200);
  for (unsigned i = 0; i < 56; ++i) CHECK(rig.lobby.enter(++number, v4(i), Sources::counted).empty());
  for (unsigned i = 100; i < 110; ++i) {
    const auto gone = rig.lobby.enter(1'000'000 + i, v4(i), Sources::counted);
    REQUIRE(gone.size() == 1);
    CHECK(gone[0].reason == Reason::unclassified_max);
    CHECK(gone[0].number <= 10'000);
  }
  for (unsigned i = 0; i < 10'000; ++i) {
    for (const Lobby::Shed& shed : rig.lobby.enter(++number, neighbour(i), Sources::counted)) {
      CHECK(shed.number < 1'000'000);
    }
  }
  CHECK(rig.total.used() == 256);
}

TEST_CASE("a place is given back when its owner leaves, and only once") {
  Rig rig(2, 2);
  rig.lobby.enter(1, v4(1), Sources::counted);
  rig.lobby.leave(1);
  rig.lobby.leave(1);
  CHECK(rig.total.used() == 0);
  CHECK(rig.per_source.highest() == 0);
  CHECK(rig.lobby.size() == 0);
}

TEST_CASE("clients of a trusted balancer count in all, not for its address") {
  Rig rig(100, 2);
  for (std::uint64_t i = 0; i < 50; ++i) CHECK(rig.lobby.enter(i, v4(1), Sources::trusted).empty());
  CHECK(rig.per_source.highest() == 0);
  CHECK(rig.total.used() == 50);
}

TEST_CASE("a flood elsewhere drives out itself, not a balancer's clients, and one of these not the others") {
  for (const Sources flood : {Sources::counted, Sources::trusted}) {
    Rig rig(100, 100);
    const Sources calm = flood == Sources::counted ? Sources::trusted : Sources::counted;
    for (std::uint64_t i = 0; i < 40; ++i) CHECK(rig.lobby.enter(i, v4(1), calm).empty());
    for (std::uint64_t i = 100; i < 1'000; ++i) {
      const unsigned from = flood == Sources::counted ? static_cast<unsigned>(i % 200) + 2 : 2;
      for (const Lobby::Shed& shed : rig.lobby.enter(i, v4(from), flood)) CHECK(shed.number >= 100);
    }
    CHECK(rig.total.used() == 100);
  }
}

TEST_CASE("what other loops hold does not keep a newcomer out") {
  Rig rig(2, 1);
  Lobby other(rig.total, rig.per_source);
  other.enter(1, v4(1), Sources::counted);
  other.enter(2, v4(2), Sources::counted);
  CHECK(rig.lobby.enter(3, v4(1), Sources::counted).empty());
  CHECK(rig.lobby.size() == 1);
  CHECK(rig.total.used() == 3);
  const auto gone = rig.lobby.enter(4, v4(1), Sources::counted);
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].number == 3);
}

}  // namespace
}  // namespace fairlead::front
