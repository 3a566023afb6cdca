// What remains in a gateway: after its restart, from an earlier life of the agent, and after its end.
#include "tests/agent/nat/mapping_rig.h"

namespace fairlead::agent::nat::test {
namespace {

MappingRecord record_of(MappingProtocol protocol, std::uint16_t internal_port, std::uint16_t external_port) {
  return {protocol, "eth0", kHome.gateway, {kHome.local, internal_port}, {ip("25.1.0.7"), external_port}, 7200s,
          {9, 9},   {}};
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

TEST_CASE("after its end a mapping begins nothing anew, whatever is found") {
  Rig rig(1, {kPcp, kUpnp});
  rig.all_present();
  rig.step();
  rig.router.fault = failing(kPcp, GatewayFailure::late);
  rig.mapping.stop(rig.now);
  rig.run(1s);
  REQUIRE(rig.mapping.state() == State::stopped);
  const auto asked = rig.asked.size();
  rig.events.clear();
  for (const auto protocol : {kPcp, kUpnp}) rig.mapping.on_absent(protocol, rig.now);
  rig.all_present();
  rig.run(24h);
  CHECK(rig.mapping.state() == State::stopped);
  CHECK(rig.asked.size() == asked);
  CHECK(rig.events.empty());
}

}  // namespace
}  // namespace fairlead::agent::nat::test
