// Gateways that say yes and do not forward, and simulated days with everything that goes wrong.
#include <algorithm>

#include "common/base/ip_scope.h"
#include "tests/agent/nat/mapping_rig.h"

namespace fairlead::agent::nat::test {
namespace {

TEST_CASE("an endpoint that was good and died is deleted and mapped anew at once, at the same port") {
  Rig rig;
  rig.all_present();
  rig.run(10min);
  rig.verdict(true);
  rig.run(10min);
  const std::uint16_t port = rig.mapping.offer()->external.port;
  const auto before = rig.asked.size();
  const TimePoint died = rig.now;
  rig.verdict(false);
  CHECK(!rig.mapping.offer());
  CHECK(rig.until([&] { return rig.mapping.offer().has_value(); }, 1s));
  CHECK(rig.now - died <= kRepairWait + 2 * rig.latency);
  REQUIRE(rig.asked.size() == before + 2);
  CHECK(rig.asked[before].second.kind == Kind::unmap);
  CHECK(rig.mapping.offer()->external.port == port);
  CHECK(!rig.mapping.unreliable());
}

TEST_CASE("seen from outside at another address: the gateway is asked at once, whatever pause the mapping is in") {
  Rig rig;
  rig.all_present();
  rig.mapping.on_outside_address(rig.router.outside, rig.now);
  for (int i = 0; i < 3; ++i) {  // until it pauses
    CHECK(rig.until([&] { return rig.mapping.offer().has_value(); }, 1min));
    rig.verdict(false);
  }
  REQUIRE(rig.mapping.state() == State::pausing);
  rig.router.outside = ip("25.1.0.8");
  rig.mapping.on_outside_address(rig.router.outside, rig.now);
  CHECK(rig.until([&] { return rig.mapping.offer().has_value(); }, kOutsideSpacing + 1s));
  CHECK(rig.mapping.offer()->external.ip == rig.router.outside);

  rig.verdict(true);
  rig.run(2min);
  rig.router.outside = ip("25.1.0.9");  // while it stands: renewed, and so corrected
  rig.mapping.on_outside_address(rig.router.outside, rig.now);
  CHECK(rig.until([&] { return rig.mapping.offer()->external.ip == rig.router.outside; }, kOutsideSpacing + 1s));
  const auto asked = rig.asked.size();
  rig.mapping.on_outside_address(rig.router.outside, rig.now);  // no news
  rig.run(1min);
  CHECK(rig.asked.size() == asked);
}

TEST_CASE("an outside address that flaps causes few requests") {
  Rig rig;
  rig.all_present();
  for (int i = 0; i < 600; ++i) {
    rig.mapping.on_outside_address(ip(i % 2 == 0 ? "25.1.0.8" : "25.1.0.9"), rig.now);
    rig.run(100ms);
  }
  CHECK(rig.requests_within(1min) <= 1min / kOutsideSpacing + 2);
}

TEST_CASE("a gateway that does not tell its outside address: another's word stands in, and it is asked again") {
  Rig rig(1, {kUpnp});
  rig.router.outside = IpAddress();
  rig.all_present();
  rig.run(10s);
  REQUIRE(rig.mapping.standing());
  CHECK(!rig.mapping.offer());
  CHECK(rig.mapping.problem() == Reason::gateway_wan_down);
  rig.mapping.on_outside_address(ip("25.1.0.7"), rig.now);
  CHECK(rig.until([&] { return rig.mapping.offer().has_value(); }, kOutsideSpacing + 1s));
  CHECK(rig.mapping.offer()->external.ip == ip("25.1.0.7"));
  CHECK(!rig.mapping.problem());
  rig.verdict(true);
  rig.router.outside = ip("25.1.0.7");
  const auto port = rig.mapping.offer()->external.port;
  rig.run(2 * kPermanentCheck);
  CHECK(rig.mapping.standing()->address == Mapping::Standing::Address::told);
  CHECK(rig.mapping.offer()->external.port == port);
  CHECK(rig.mapping.offer_verified());  // the same address: nothing changed for those outside
  CHECK(rig.ours() == 1);
}

TEST_CASE("a gateway that tells its outside address only later is asked until it does") {
  Rig rig(1, {kUpnp});
  rig.router.outside = IpAddress();
  rig.all_present();
  rig.run(5min);
  rig.router.outside = ip("25.1.0.7");
  CHECK(rig.until([&] { return rig.mapping.offer().has_value(); }, kAddressRetry + 1s));
  CHECK(rig.ours() == 1);
}

TEST_CASE("a gateway that lies: the same port, another one, then pauses that double, without a mapping") {
  Rig rig;
  rig.all_present();
  rig.step();
  const std::uint16_t first = rig.mapping.offer()->external.port;
  rig.verdict(false);
  CHECK(rig.until([&] { return rig.mapping.offer().has_value(); }, kLossWait + 1s));
  CHECK(rig.mapping.offer()->external.port == first);
  rig.verdict(false);
  CHECK(rig.until([&] { return rig.mapping.offer().has_value(); }, kLossWait + 1s));
  CHECK(rig.mapping.offer()->external.port != first);
  CHECK(!rig.mapping.unreliable());
  Duration expected = kFirstPause;
  for (int i = 0; i < 9; ++i) {
    const TimePoint from = rig.now;
    rig.verdict(false);
    CHECK(rig.mapping.state() == State::pausing);
    CHECK(rig.mapping.unreliable());
    CHECK(rig.mapping.problem() == Reason::mapping_unreachable);
    rig.run(1s);
    CHECK(rig.ours() == 0);
    CHECK(rig.until([&] { return rig.mapping.offer().has_value(); }, 2h));
    CHECK(rig.now - from >= expected);
    CHECK(rig.now - from <= expected * 9 / 8 + 1s);
    expected = std::min(expected * 2, kLongestPause);
  }
  CHECK(expected == kLongestPause);
  rig.verdict(true);
  CHECK(!rig.mapping.unreliable());
  CHECK(!rig.mapping.problem());
  rig.run(kProvedFor);
  const TimePoint from = rig.now;
  rig.verdict(false);  // begins at the first step again
  CHECK(rig.until([&] { return rig.mapping.offer().has_value(); }, 1s));
  CHECK(rig.now - from <= kRepairWait + 1s);
}

TEST_CASE("an endpoint that flaps does not get a repair a second") {
  Rig rig;
  rig.all_present();
  const TimePoint end = rig.now + 1h;
  while (rig.now < end) {
    REQUIRE(rig.until([&] { return rig.mapping.offer().has_value(); }, 2h));
    rig.verdict(true);
    rig.run(2s);
    rig.verdict(false);
  }
  CHECK(rig.requests_within(1h) <= 30);
}

TEST_CASE("verdicts on what is not offered change nothing") {
  Rig rig(1, {kPcp});
  rig.mapping.on_unreachable(kPcp, rig.now);
  rig.mapping.on_verified(kPcp, rig.now);
  rig.mapping.on_unreachable(std::nullopt, rig.now);
  rig.all_present();
  rig.step();
  rig.mapping.on_unreachable(kUpnp, rig.now);
  rig.mapping.on_unreachable(std::nullopt, rig.now);
  rig.mapping.on_verified(kUpnp, rig.now);
  CHECK(rig.mapping.offer().has_value());
  CHECK(!rig.mapping.offer_verified());
}

TEST_CASE("a renewal that is answered after a repair began does not undo the repair") {
  Rig rig;
  rig.all_present();
  rig.step();
  rig.now = rig.mapping.standing()->renew_at;
  const auto renewal = rig.mapping.take_command(rig.now);
  REQUIRE(renewal);
  rig.verdict(false);
  rig.mapping.on_answer(MapGrant{renewal->request.external, 7200s, rig.router.epoch(kPcp, rig.now)}, rig.now);
  CHECK(!rig.mapping.offer());
  rig.step();
  CHECK(rig.last().kind == Kind::unmap);
  CHECK(rig.until([&] { return rig.mapping.offer().has_value(); }, kLossWait + 1s));
}

// One day of a router that has every fault now and then, and of a dial-back that looks every 30 s.
struct Day {
  explicit Day(std::uint64_t seed) : luck(seed * 77 + 1), rig(seed, {kPcp, kNatPmp, kUpnp}) {
    rig.router.fault = [this](const MappingCommand& command) { return fault(command); };
    rig.router.longest = std::chrono::seconds(120 + static_cast<int>(luck.below(20'000)));
    const PortSequence ports("nas1.home", 0);
    for (std::uint32_t i = 0; i < 30; ++i) {
      if (luck.below(3) == 0) rig.router.foreign.insert(ports.at(i));
    }
  }

  std::optional<GatewayFailure> fault(const MappingCommand& command) {
    const std::uint16_t port = command.request.external.port;
    if (silent_until > rig.now) return GatewayFailure::late;
    if (command.kind == Kind::map && command.request.lifetime > rig.router.longest * 4) {
      if (luck.below(2) == 0) return GatewayFailure::lifetime_refused;
    }
    if (rig.router.foreign.contains(port) || luck.below(100) >= 10) return std::nullopt;
    rig.router.lost_answers = luck.below(2) == 0;
    const auto failure =
        static_cast<GatewayFailure>(luck.below(static_cast<std::uint64_t>(GatewayFailure::broken) + 1));
    // It is true when it says that somebody else has the port.
    if (failure == GatewayFailure::conflict || failure == GatewayFailure::foreign_mapping) rig.router.table.erase(port);
    return failure;
  }

  void something_happens() {
    switch (luck.below(12)) {
      case 0:
        rig.router.restart(rig.now);
        if (luck.below(2) == 0) rig.mapping.on_announcement(0, rig.now);
        break;
      case 1:
        silent_until = rig.now + 1s * static_cast<int>(luck.below(4000));
        break;
      case 2:
        rig.router.outside = luck.below(3) == 0 ? ip("100.64.0.9") : ip("25.7.7.7");
        break;
      case 3:
        lying = !lying;
        break;
      case 4:
        rig.mapping.on_network_changed(rig.now);
        break;
      case 5:
        rig.mapping.on_announcement(std::nullopt, rig.now);
        break;
      case 6:
        rig.mapping.on_absent(static_cast<MappingProtocol>(luck.below(3)), rig.now);
        break;
      default:
        rig.all_present();
        break;
    }
  }

  void dial_back() {
    const auto offer = rig.mapping.offer();
    if (!offer) return;
    const bool works =
        !lying && offer->external.ip == rig.router.outside && rig.router.table.contains(offer->external.port);
    rig.verdict(works);
    if (works) ++good;
  }

  SeededRng luck;
  TimePoint silent_until{};
  bool lying = false;
  unsigned good = 0;
  Rig rig;
};

TEST_CASE("days with every fault: nothing is lost sight of, nothing floods, nothing stays") {
  unsigned good = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Day day(seed);
    day.rig.all_present();
    for (int half_minutes = 0; half_minutes < 2 * 60 * 24; ++half_minutes) {
      day.rig.run(30s);
      day.dial_back();
      if (day.luck.below(40) == 0) day.something_happens();
      if (half_minutes % 20 == 0) CHECK(day.rig.requests_within(1h) <= 150);
    }
    good += day.good;
    day.rig.router.fault = nullptr;
    day.rig.all_present();
    day.rig.mapping.stop(day.rig.now);
    day.rig.run(10s);
    CHECK(day.rig.mapping.state() == State::stopped);
    CHECK(day.rig.ours() == 0);
  }
  CHECK(good > 40'000);  // it is not only trouble
}

TEST_CASE("a week with a good router: never a gap, one request an hour") {
  Rig rig(7, {kUpnp});
  rig.all_present();
  rig.step();
  rig.verdict(true);
  for (int minutes = 0; minutes < 7 * 24 * 60; ++minutes) {
    rig.run(1min);
    CHECK(rig.ours() == 1);
    CHECK(rig.mapping.offer_verified());
  }
  CHECK(rig.asked.size() <= 7 * 24 + 1);
  CHECK(rig.events.size() == 2);
}

}  // namespace
}  // namespace fairlead::agent::nat::test
