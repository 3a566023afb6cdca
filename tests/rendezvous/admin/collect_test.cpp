#include "rendezvous/admin/collect.h"

#include "tests/rendezvous/registry/world.h"

namespace fairlead::rendezvous {
namespace {

struct Fixture : World {
  Fixture() {
    SessionClaim wanted = claim("home", "nas1");
    wanted.session = carrier;
    wanted.about = {.software = "fairlead-agent 9", .peer = *SocketAddress::parse("192.0.2.7:1234")};
    REQUIRE(std::holds_alternative<Admitted>(registry.admit(wanted, moment(now))));
    REQUIRE(add(carrier, {.claim = 1, .label = "web"}) == "ok");
  }
  WayListing ways(const ListFilter& filter = {}) {
    return collect_ways(registry.view(), filter, {"rv.example.com:443", at(now)});
  }
  std::shared_ptr<ToyCarrier> carrier = std::make_shared<ToyCarrier>();
};

TEST_CASE("an agent's row holds what its carrier says at this moment") {
  Fixture world;
  world.carrier->ready.push_back({0, 1});
  const auto place = world.carrier->take_place();
  const auto rows = collect_agents(world.registry.view(), {});
  REQUIRE(rows.rows.size() == 1);
  CHECK(rows.matched == 1);
  const AgentRow& row = rows.rows.front();
  CHECK(row.spiffe_id == "spiffe://td/agent/home/nas1");
  CHECK(row.software == "fairlead-agent 9");
  CHECK(row.address == "192.0.2.7:1234");
  CHECK(row.channels_ready == 1);
  CHECK(row.relays == 1);
  CHECK(row.services == std::vector<std::string>{"web.home"});
  CHECK(collect_peaks(world.registry.view()).relays == 1);
  CHECK(collect_peaks(world.registry.view()).services == 1);
}

TEST_CASE("the relay's row says whether it brings anybody there") {
  Fixture world;
  CHECK(world.ways().rows.front().state == "live");
  CHECK(world.ways().rows.front().address == "rv.example.com:443");
  const auto load = world.snapshot().route("web.home", {}).candidates().front()->load;
  for (int i = 0; i < kFailuresToSetAside; ++i) load->on_refused_or_silent(at(world.now), Reason::target_refused);
  CHECK(world.ways().rows.front().state == "down");
  CHECK(world.ways().rows.front().reason == "target_refused");
  world.carrier->is_over = true;
  CHECK(world.ways().rows.front().reason == "session_ended");
}

TEST_CASE("rows stand in the order of the ways") {
  Fixture world;
  const auto order = [&](DirectEndpoint::State state) {
    world.registry.set_direct(*world.carrier, {{*SocketAddress::parse("198.51.100.7:23456"), "pcp", state, {}, "x"}});
    const WayListing listed = world.ways();
    REQUIRE(listed.rows.size() == 2);
    CHECK(listed.shown == 1);
    return listed.rows[0].path + " " + listed.rows[1].path;
  };
  CHECK(order(DirectEndpoint::State::live) == "direct relay");
  CHECK(order(DirectEndpoint::State::verifying) == "relay direct");
  CHECK(order(DirectEndpoint::State::down) == "relay direct");
  CHECK(world.ways().rows[1].state == "down");
  CHECK(world.ways().rows[1].method == "pcp");
}

}  // namespace
}  // namespace fairlead::rendezvous
