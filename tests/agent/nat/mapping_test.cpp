// Which protocol is asked for what, what its answers mean, and when it is asked again.
#include "tests/agent/nat/mapping_rig.h"

namespace fairlead::agent::nat::test {
namespace {

TEST_CASE("the first protocol that is there is asked, and what it grants is offered") {
  Rig rig(1, {kPcp, kNatPmp, kUpnp});
  CHECK(rig.mapping.state() == State::searching);
  CHECK(!rig.mapping.take_command(rig.now));
  rig.mapping.on_present(kNatPmp, 5, rig.now);
  CHECK(!rig.mapping.take_command(rig.now));  // PCP is preferred and not yet looked at
  rig.mapping.on_absent(kPcp, rig.now);
  rig.step();
  CHECK(rig.last().protocol == kNatPmp);
  CHECK(rig.mapping.state() == State::mapped);
  CHECK(rig.mapping.offer() == MappingOffer{{rig.router.outside, PortSequence("nas1.home", 0).at(0)}, kNatPmp});
  CHECK(!rig.mapping.offer_verified());
  rig.verdict(true);
  CHECK(rig.mapping.offer_verified());
  REQUIRE(rig.events.size() == 1);
  CHECK(rig.events[0].kind == MappingEvent::Kind::mapped);
}

TEST_CASE("nobody there: nothing is asked and the reason is known") {
  Rig rig(1, {kPcp, kNatPmp, kUpnp});
  for (const auto protocol : {kPcp, kNatPmp, kUpnp}) rig.mapping.on_absent(protocol, rig.now);
  rig.run(24h);
  CHECK(rig.asked.empty());
  CHECK(rig.mapping.problem() == Reason::no_port_mapping);
  rig.mapping.on_present(kUpnp, {}, rig.now);
  rig.step();
  CHECK(rig.mapping.state() == State::mapped);
  CHECK(!rig.mapping.problem());
}

TEST_CASE("a mapping is renewed with its own tuple and nonce within [1/2, 5/8] of the granted lifetime") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rig rig(seed);
    rig.router.longest = 1200s;
    rig.all_present();
    rig.run(24h);
    REQUIRE(rig.asked.size() > 100);
    for (std::size_t i = 1; i < rig.asked.size(); ++i) {
      const Duration gap = rig.asked[i].first - rig.asked[i - 1].first - rig.latency;
      CHECK(gap >= 600s);
      CHECK(gap <= 751s);
      CHECK(rig.asked[i].second.request.nonce == rig.asked[0].second.request.nonce);
      CHECK(rig.asked[i].second.request.external ==
            SocketAddress{rig.router.outside, rig.asked[0].second.request.external.port});
      CHECK(rig.asked[i].second.request.lifetime == 7200s);
    }
    CHECK(rig.events.size() == 1);
  }
}

TEST_CASE("a renewal that fails is tried again at half of the rest until the lease runs out") {
  Rig rig;
  rig.all_present();
  rig.step();
  const auto expires = *rig.mapping.standing()->expires;
  rig.router.fault = failing(kPcp, GatewayFailure::late);
  const auto before = rig.asked.size();
  CHECK(rig.until([&] { return !rig.mapping.standing(); }, 3h));
  CHECK(rig.now >= expires);
  CHECK(rig.now < expires + 1s);
  const auto tries = rig.asked.size() - before;
  CHECK(tries >= 8);
  CHECK(tries <= 14);
  for (std::size_t i = before + 1; i < rig.asked.size(); ++i) {
    CHECK(rig.asked[i].first - rig.asked[i - 1].first >= kLeastRenewalGap);
  }
  CHECK(rig.mapping.state() == State::lost);
  CHECK(!rig.mapping.offer());
  CHECK(rig.events.back().kind == MappingEvent::Kind::lost);
  const MappingNonce nonce = rig.asked[0].second.request.nonce;
  rig.router.fault = nullptr;
  CHECK(rig.until([&] { return rig.mapping.offer().has_value(); }, 15min));
  CHECK(rig.last().request.nonce == nonce);
}

TEST_CASE("conflicts go along the sequence, ten ports in the first round and one in each later one") {
  Rig rig;
  const PortSequence ports("nas1.home", 0);
  for (std::uint32_t i = 0; i < 12; ++i) rig.router.foreign.insert(ports.at(i));
  rig.all_present();
  rig.run(10s);
  REQUIRE(rig.asked.size() == kPortTries);
  for (std::uint32_t i = 0; i < kPortTries; ++i) CHECK(rig.asked[i].second.request.external.port == ports.at(i));
  CHECK(rig.mapping.problem() == Reason::mapping_conflict);
  CHECK(rig.until([&] { return rig.mapping.offer().has_value(); }, 30min));
  CHECK(rig.mapping.offer()->external.port == ports.at(12));
  CHECK(rig.asked.size() == 13);
  CHECK(!rig.mapping.problem());
}

TEST_CASE("lifetimes: 7200, 3600, then without end, remembered; never without end but for UPnP") {
  Rig rig(1, {kUpnp});
  rig.router.fault = [](const MappingCommand& c) {
    return c.kind == Kind::map && c.request.lifetime != 0s ? std::optional(GatewayFailure::lifetime_refused)
                                                           : std::nullopt;
  };
  rig.all_present();
  rig.run(1s);
  REQUIRE(rig.asked.size() == 3);
  CHECK(rig.asked[1].second.request.lifetime == 3600s);
  CHECK(rig.asked[2].second.request.lifetime == 0s);
  CHECK(rig.mapping.records()[0].lifetime == 0s);
  rig.run(1h);
  CHECK(rig.asked.size() >= 14);  // looked after every five minutes
  CHECK(rig.asked.size() <= 16);
  CHECK(rig.last().request.lifetime == 0s);

  Rig direct(1, {kUpnp});
  direct.router.fault = [](const MappingCommand& c) {
    return c.request.lifetime != 0s ? std::optional(GatewayFailure::only_permanent) : std::nullopt;
  };
  direct.all_present();
  direct.run(1s);
  CHECK(direct.asked.size() == 2);

  for (const auto protocol : {kPcp, kNatPmp}) {
    Rig other(1, {protocol});
    other.router.fault = failing(protocol, GatewayFailure::only_permanent);
    other.all_present();
    other.run(1s);
    CHECK(other.asked.size() == 2);
    CHECK(other.last().request.lifetime == 3600s);
    CHECK(other.mapping.state() == State::resting);
  }
}

TEST_CASE("grants that are of no use: too short, port 0; too long counts as a day") {
  Rig brief(1, {kPcp});
  brief.router.longest = 29s;
  brief.all_present();
  brief.run(20s);
  CHECK(!brief.mapping.offer());
  CHECK(brief.last().kind == Kind::unmap);
  CHECK(brief.ours() == 0);
  CHECK(brief.mapping.state() == State::resting);

  Rig rig;
  rig.all_present();
  REQUIRE(rig.mapping.take_command(rig.now));
  rig.mapping.on_answer(MapGrant{{rig.router.outside, 0}, 7200s, 1}, rig.now);
  CHECK(!rig.mapping.standing());
  CHECK(rig.mapping.records().empty());

  Rig generous;
  generous.all_present();
  REQUIRE(generous.mapping.take_command(generous.now));
  generous.mapping.on_answer(MapGrant{{generous.router.outside, 40000}, 604800s, 1}, generous.now);
  CHECK(generous.mapping.standing()->lifetime == kLongestLease);
  CHECK(generous.mapping.offer()->external.port == 40000);  // the port that the router proposes is taken
}

TEST_CASE("a gateway that forwards same ports only gets what it wants, and is not asked for others") {
  Rig rig(1, {kUpnp});
  rig.router.fault = [](const MappingCommand& c) {
    const bool same = c.request.external.port == c.request.internal_port;
    return same ? std::nullopt : std::optional(GatewayFailure::same_port_only);
  };
  rig.router.foreign = {15443};
  rig.all_present();
  rig.run(10s);
  CHECK(rig.asked.size() == 2);
  CHECK(rig.mapping.state() == State::resting);
  rig.router.foreign.clear();
  CHECK(rig.until([&] { return rig.mapping.offer().has_value(); }, 1min));
  CHECK(rig.mapping.offer()->external.port == 15443);
}

TEST_CASE("each failure: the next protocol is asked, and all failing means long rests") {
  for (int i = 0; i <= static_cast<int>(GatewayFailure::broken); ++i) {
    const auto failure = static_cast<GatewayFailure>(i);
    CAPTURE(i);
    Rig rig(3, {kPcp, kUpnp});
    rig.router.fault = failing(kPcp, failure);
    rig.all_present();
    rig.run(10s);
    CHECK(rig.mapping.standing().has_value());
    CHECK(rig.mapping.standing()->protocol == kUpnp);

    Rig none(4, {kPcp, kUpnp});
    none.router.fault = [failure](const MappingCommand&) { return failure; };
    none.all_present();
    none.run(24h);
    CHECK(!none.mapping.offer());
    CHECK(none.mapping.problem() == reason_of(failure == GatewayFailure::absent ? GatewayFailure::absent : failure));
    CHECK(none.requests_within(1h) <= 40);
    CHECK(none.events.size() <= 2);  // said once, not at every try
  }
}

TEST_CASE("of several failures the one is reported that names the cause") {
  Rig rig(1, {kPcp, kNatPmp, kUpnp});
  rig.router.fault = [](const MappingCommand& c) {
    return c.protocol == kNatPmp ? GatewayFailure::wan_down : GatewayFailure::exhausted;
  };
  rig.all_present();
  rig.run(1s);
  CHECK(rig.asked.size() == 3);
  CHECK(rig.mapping.problem() == Reason::gateway_wan_down);
}

}  // namespace
}  // namespace fairlead::agent::nat::test
