#include <algorithm>

#include "tests/agent/nat/mapping_rig.h"

namespace fairlead::agent::nat::test {
namespace {

using State = Mapping::State;
using Kind = MappingCommand::Kind;
constexpr auto kPcp = MappingProtocol::pcp;
constexpr auto kNatPmp = MappingProtocol::nat_pmp;
constexpr auto kUpnp = MappingProtocol::upnp;

// Fails every request of one protocol in one way.
auto failing(MappingProtocol protocol, GatewayFailure failure) {
  return [=](const MappingCommand& c) { return c.protocol == protocol ? std::optional(failure) : std::nullopt; };
}

MappingRecord record_of(MappingProtocol protocol, std::uint16_t internal_port, std::uint16_t external_port) {
  return {protocol, "eth0", kHome.gateway, {kHome.local, internal_port}, {ip("25.1.0.7"), external_port}, 7200s,
          {9, 9},   {}};
}

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

TEST_CASE("an outside address that is not global is never offered, but reported and kept") {
  for (const auto& [text, reason] : {std::pair{"10.0.0.2", Reason::double_nat},
                                     {"100.64.3.4", Reason::cgnat},
                                     {"0.0.0.0", Reason::gateway_wan_down},
                                     {"127.0.0.1", Reason::gateway_wan_down}}) {
    Rig rig;
    rig.router.outside = ip(text);
    rig.all_present();
    rig.run(12h);
    CHECK(!rig.mapping.offer());
    CHECK(rig.mapping.standing().has_value());
    CHECK(rig.mapping.problem() == reason);
    rig.router.outside = ip("25.1.0.9");
    rig.run(2h);
    REQUIRE(rig.mapping.offer().has_value());
    CHECK(!rig.mapping.problem());
    CHECK(rig.events.back().kind == MappingEvent::Kind::moved);
  }
}

TEST_CASE("another outside address: offered anew and not verified") {
  Rig rig;
  rig.all_present();
  rig.step();
  rig.verdict(true);
  rig.router.outside = ip("25.9.9.9");
  rig.mapping.on_announcement(std::nullopt, rig.now);
  rig.run(10s);
  CHECK(rig.mapping.offer()->external.ip == ip("25.9.9.9"));
  CHECK(!rig.mapping.offer_verified());
}

TEST_CASE("a gateway that restarted has its mapping again within seconds of saying so") {
  Rig rig;
  rig.all_present();
  rig.run(30min);
  rig.router.restart(rig.now);
  CHECK(rig.ours() == 0);
  rig.mapping.on_announcement(rig.router.epoch(kPcp, rig.now), rig.now);
  CHECK(rig.until([&] { return rig.ours() == 1; }, kLossWait + 1s));
  CHECK(rig.last().request.nonce == rig.asked[0].second.request.nonce);
  const auto before = rig.asked.size();
  for (int i = 0; i < 600; ++i) {  // anybody on the link may say such a thing
    rig.mapping.on_announcement(static_cast<std::uint32_t>(i * 7919), rig.now);
    rig.run(1s);
  }
  CHECK(rig.asked.size() - before <= 11);
}

TEST_CASE("a look that shows a restart checks the mapping; one that does not leaves it alone") {
  Rig rig;
  rig.all_present();
  rig.run(10min);
  rig.all_present();
  rig.run(10s);
  CHECK(rig.asked.size() == 1);
  rig.router.restart(rig.now - 5s);
  rig.all_present();
  rig.run(10s);
  CHECK(rig.asked.size() == 2);
  CHECK(rig.ours() == 1);
}

TEST_CASE("a check that nobody answers is repeated soon, not at half of the lease") {
  Rig rig;
  rig.all_present();
  rig.step();
  rig.router.fault = failing(kPcp, GatewayFailure::late);
  rig.router.restart(rig.now);
  rig.mapping.on_announcement(0, rig.now);
  rig.run(1min);
  rig.router.fault = nullptr;
  CHECK(rig.until([&] { return rig.ours() == 1; }, 5min));
}

TEST_CASE("what an earlier life left: the same tuple is adopted, the rest is deleted first") {
  const std::vector<MappingRecord> known{record_of(kPcp, 15443, 33333), record_of(kPcp, 999, 40001),
                                         record_of(kUpnp, 15443, 40002)};
  Rig rig(1, {kPcp, kUpnp}, kHome, known);
  for (const MappingRecord& record : known) {
    rig.router.table[record.external.port] = {record.protocol, record.internal, record.nonce, rig.now + 7200s};
  }
  CHECK(rig.mapping.records().size() == 3);
  rig.all_present();
  rig.run(1s);
  REQUIRE(rig.asked.size() == 3);
  CHECK(rig.asked[0].second.kind == Kind::unmap);
  CHECK(rig.asked[1].second.kind == Kind::unmap);
  CHECK(rig.asked[2].second.request.external.port == 33333);
  CHECK(rig.asked[2].second.request.nonce == known[0].nonce);
  CHECK(rig.ours() == 1);
  CHECK(rig.mapping.records().size() == 1);
}

TEST_CASE("what was mapped under an earlier address is deleted where the protocol can do that") {
  MappingRecord by_upnp = record_of(kUpnp, 15443, 40002);
  MappingRecord by_pcp = record_of(kPcp, 15443, 40003);
  by_upnp.internal.ip = by_pcp.internal.ip = ip("192.168.1.99");
  Rig rig(1, {kPcp, kUpnp}, kHome, {by_upnp, by_pcp});
  rig.all_present();
  rig.run(1s);
  REQUIRE(rig.asked.size() == 2);
  CHECK(rig.asked[0].second.kind == Kind::unmap);
  CHECK(rig.asked[0].second.request.external.port == 40002);
  CHECK(rig.asked[1].second.request.nonce != by_pcp.nonce);
  rig.run(3h);
  CHECK(rig.mapping.records().size() == 1);  // the other one has run out
}

TEST_CASE("a host with a global IPv4 address offers itself and asks nobody") {
  Uplink uplink = kHome;
  uplink.local = ip("25.3.3.3");
  Rig rig(1, {kPcp, kUpnp}, uplink);
  CHECK(rig.mapping.offer() == MappingOffer{{uplink.local, 15443}, std::nullopt});
  rig.run(24h);
  CHECK(rig.asked.empty());
  rig.verdict(true);
  CHECK(rig.mapping.offer_verified());
  rig.verdict(false);
  CHECK(!rig.mapping.offer_verified());
  CHECK(rig.mapping.offer().has_value());
}

TEST_CASE("a global IPv6 address is offered at once, and through its pinhole when that is granted") {
  Uplink uplink = kHome;
  uplink.local = ip("2a00:1450::10");
  uplink.gateway = ip("fe80::1");
  Rig rig(1, {kPcp}, uplink);
  CHECK(rig.mapping.offer() == MappingOffer{{uplink.local, 15443}, std::nullopt});
  rig.all_present();
  rig.step();
  CHECK(rig.last().request.external.port == 15443);
  CHECK(rig.mapping.offer() == MappingOffer{{uplink.local, 15443}, kPcp});
  rig.verdict(false);
  CHECK(rig.mapping.offer() == MappingOffer{{uplink.local, 15443}, std::nullopt});
  CHECK(rig.until([&] { return rig.mapping.offer()->protocol.has_value(); }, 10s));

  Rig open(1, {kPcp}, uplink);
  open.verdict(true);
  open.all_present();
  open.step();
  CHECK(open.mapping.offer() == MappingOffer{{uplink.local, 15443}, std::nullopt});  // proved: no need to change
  CHECK(open.mapping.offer_verified());
  open.verdict(false);
  CHECK(open.mapping.offer() == MappingOffer{{uplink.local, 15443}, kPcp});
}

TEST_CASE("stopping deletes everything, whatever is under way") {
  Rig rig(1, {kPcp});
  rig.all_present();
  rig.run(1h);
  rig.mapping.stop(rig.now);
  CHECK(!rig.mapping.offer());
  CHECK(rig.mapping.state() == State::stopping);
  rig.run(1s);
  CHECK(rig.mapping.state() == State::stopped);
  CHECK(rig.ours() == 0);
  CHECK(rig.mapping.records().empty());
  CHECK(!rig.mapping.deadline());

  Rig early(1, {kPcp});
  early.all_present();
  REQUIRE(early.mapping.take_command(early.now));
  early.mapping.stop(early.now);
  CHECK(early.mapping.state() == State::stopping);
  early.mapping.on_answer(MapGrant{{ip("25.1.0.7"), 40000}, 7200s, 1}, early.now);
  CHECK(!early.mapping.offer());
  early.run(1s);
  CHECK(early.last().kind == Kind::unmap);
  CHECK(early.last().request.external.port == 40000);
  CHECK(early.mapping.state() == State::stopped);

  Rig silent(1, {kPcp});
  silent.all_present();
  silent.step();
  silent.router.fault = failing(kPcp, GatewayFailure::late);
  silent.mapping.stop(silent.now);
  silent.run(1h);
  CHECK(silent.mapping.state() == State::stopped);
  CHECK(silent.asked.size() == 2);              // one try
  CHECK(silent.mapping.records().size() == 1);  // for the next life
}

}  // namespace
}  // namespace fairlead::agent::nat::test
