// What is offered to be dialled: the outside address that the gateway tells, and addresses of the host's own.
#include "tests/agent/nat/mapping_rig.h"

namespace fairlead::agent::nat::test {
namespace {

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

}  // namespace
}  // namespace fairlead::agent::nat::test
