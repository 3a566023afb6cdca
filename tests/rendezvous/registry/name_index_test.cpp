// Who holds a name: the rules of "Names" in registry.h, one by one.
#include "rendezvous/registry/routing.h"
#include "tests/support/doctest.h"
#include "world.h"

namespace fairlead::rendezvous {
namespace {

TEST_CASE("the names of an endpoint") {
  Endpoint endpoint;
  endpoint.service = "web.home";
  endpoint.name = "nas1";
  endpoint.sni = {"nas.example", "web.home", "nas1.web.home.mesh", "web.svc"};
  endpoint.host = "web.svc";
  endpoint.port = 80;
  endpoint.subsets = {"v1", "nas1"};
  CHECK(names_of(endpoint, {"mesh"}) ==
        std::vector<NameUse>{{"web.home", NameKind::service},
                             {"nas1.web.home", NameKind::endpoint},
                             {"nas.example", NameKind::host},
                             {"web.svc", NameKind::host},
                             {"outbound_.80_._.web.svc", NameKind::subset},
                             {"outbound_.80_.v1_.web.svc", NameKind::subset},
                             {"outbound_.80_.nas1_.web.svc", NameKind::subset},
                             {"outbound_.80_.nas1_.web.svc", NameKind::subset_endpoint}});
}

struct Names : World {
  using World::World;
  std::shared_ptr<Carrier> nas1 = enter("home", "nas1");
  std::shared_ptr<Carrier> nas2 = enter("home", "nas2");
  std::shared_ptr<Carrier> pi = enter("office", "pi");
};

TEST_CASE("ENDPOINT.SERVICE.CLUSTER belongs to one identity") {
  PolicyRule rule = default_rule();
  rule.services = {"*.*"};
  rule.endpoints = {"*"};
  World world({rule});
  const auto enter = [&](const std::string& id) {
    SessionClaim claim = world.claim("home", id);
    claim.endpoint = "shared";
    REQUIRE(std::holds_alternative<Admitted>(world.registry.admit(claim, moment(0s))));
    return claim.session;
  };
  const auto first = enter("a");
  const auto second = enter("b");
  CHECK(world.add(first, {.claim = 1, .label = "web"}) == "ok");
  CHECK(world.add(second, {.claim = 1, .label = "web"}) == "name_taken");
  CHECK(world.add(second, {.claim = 2, .label = "api"}) == "ok");
  CHECK(world.registry.unregister(*first, 1, at(0s)));
  CHECK(world.add(second, {.claim = 1, .label = "web"}) == "ok");  // only live registrations hold names
  CHECK(world.add(first, {.claim = 1, .label = "web"}) == "name_taken");
}

TEST_CASE("several agents share a service and its host") {
  Names world;
  const Service web{.label = "web", .host = "web.svc", .sni = {"www.example"}};
  CHECK(world.add(world.nas1, web) == "ok");
  CHECK(world.add(world.nas2, web) == "ok");
  for (const std::string name : {"web.home", "web.svc", "www.example", "outbound_.8443_._.web.svc"}) {
    CHECK(world.route(name) == "web.home: nas1 nas2");
  }
  CHECK(world.route("nas2.web.home") == "web.home: nas2");
}

TEST_CASE("another cluster's identity cannot take a host") {
  Names world;
  REQUIRE(world.add(world.nas1, {.label = "web", .host = "web.svc", .port = 80, .sni = {"www.example"}}) == "ok");
  CHECK(world.add(world.pi, {.label = "web", .host = "web.svc", .port = 80}) == "name_taken");
  CHECK(world.add(world.pi, {.label = "web", .host = "web.svc", .port = 81}) == "name_taken");
  CHECK(world.add(world.pi, {.label = "web", .host = "WEB.svc.", .port = 81}) == "name_taken");
  CHECK(world.add(world.pi, {.label = "web", .sni = {"ok.example", "web.svc"}}) == "name_taken");
  CHECK(world.add(world.pi, {.label = "web", .host = "www.example", .port = 99}) == "name_taken");
  CHECK(world.route("web.office") == "unknown_name");
  world.registry.close_session(*world.nas1, at(0s));
  CHECK(world.add(world.pi, {.label = "web", .host = "web.svc", .port = 80}) == "ok");
  CHECK(world.route("web.svc") == "web.office: pi");
}

TEST_CASE("who holds a host may add services to it on other ports") {
  Names world;
  REQUIRE(world.add(world.nas1, {.label = "web", .host = "app.svc", .port = 443}) == "ok");
  CHECK(world.add(world.nas2, {.label = "api", .host = "app.svc", .port = 80}) == "name_taken");
  CHECK(world.add(world.nas2, {.claim = 2, .label = "api", .host = "app.svc"}) != "ok");
  REQUIRE(world.add(world.nas2, {.claim = 3, .label = "web", .host = "app.svc", .port = 443}) == "ok");
  CHECK(world.add(world.nas2, {.label = "api", .host = "app.svc", .port = 443}) == "name_taken");
  CHECK(world.add(world.nas2, {.label = "api", .host = "app.svc", .port = 80}) == "ok");
  CHECK(world.registry.unregister(*world.nas2, 3, at(0s)));
  CHECK(world.route("app.svc") == "api.home: nas2");  // the lowest port
  CHECK(world.route("outbound_.443_._.app.svc") == "web.home: nas1");
  CHECK(world.route("outbound_.80_._.app.svc") == "api.home: nas2");
  CHECK(world.registry.unregister(*world.nas2, 1, at(0s)));
  CHECK(world.route("app.svc") == "web.home: nas1");
  CHECK(world.route("outbound_.80_._.app.svc") == "no_endpoint");
}

TEST_CASE("services of one identity share a host across clusters") {
  PolicyRule rule = rule_with_hosts({"*.svc"});
  rule.services = {"*.*"};
  rule.endpoints = {"*"};
  World world({rule});
  const auto enter = [&](const std::string& id, const std::string& endpoint, const std::string& cluster) {
    SessionClaim claim = world.claim("x", id);
    claim.endpoint = endpoint;
    claim.cluster = cluster;
    REQUIRE(std::holds_alternative<Admitted>(world.registry.admit(claim, moment(0s))));
    return claim.session;
  };
  const auto first = enter("a", "one", "home");
  const auto second = enter("a", "two", "office");
  const auto other = enter("b", "three", "home");
  REQUIRE(world.add(first, {.label = "web", .host = "app.svc", .port = 1}) == "ok");
  CHECK(world.add(second, {.label = "web", .host = "app.svc", .port = 1}) == "name_taken");
  CHECK(world.add(second, {.label = "web", .host = "app.svc", .port = 2}) == "ok");
  CHECK(world.registry.unregister(*second, 1, at(0s)));
  REQUIRE(world.add(other, {.label = "web", .host = "app.svc", .port = 1}) == "ok");
  CHECK(world.add(second, {.label = "web", .host = "app.svc", .port = 2}) ==
        "ok");  // it holds the host still, by `first`
}

TEST_CASE("the server's own names are nobody's") {
  Names world;
  CHECK(world.add(world.nas1, {.label = "web", .host = "rv.example.com"}) == "name_taken");
  CHECK(world.add(world.nas1, {.label = "web", .sni = {"RV.example.com."}}) == "name_taken");

  World named({}, OwnNames({"web.home", "nas1.api.home", "cam.home.mesh.example.com"}, {"mesh.example.com"}));
  const auto nas1 = named.enter("home", "nas1");
  CHECK(named.add(nas1, {.label = "web"}) == "name_taken");
  CHECK(named.add(nas1, {.label = "api"}) == "name_taken");
  CHECK(named.add(nas1, {.label = "cam"}) == "name_taken");
  CHECK(named.add(nas1, {.label = "ok"}) == "ok");
}

TEST_CASE("a name that reads as somebody else's service or endpoint is refused") {
  Names world;
  REQUIRE(world.add(world.nas1, {.label = "web"}) == "ok");
  for (const std::string name :
       {"web.home", "nas1.web.home", "later.web.home", "web.home.mesh.example.com", "nas1.web.home.mesh.example.com"}) {
    CAPTURE(name);
    CHECK(world.add(world.pi, {.label = "x", .host = name}) == "name_taken");
    CHECK(world.add(world.pi, {.label = "x", .sni = {name}}) == "name_taken");
    CHECK(world.add(world.nas2, {.claim = 2, .label = "x", .sni = {name}}) == "name_taken");
    CHECK(world.add(world.nas1, {.claim = 2, .label = "x", .sni = {name}}) == "name_taken");
  }
  // Not even within one service may an agent be another one.
  CHECK(world.add(world.nas2, {.label = "web", .sni = {"nas1.web.home"}}) == "name_taken");
  CHECK(world.add(world.nas2, {.label = "web", .sni = {"nas3.web.home"}}) == "name_taken");
  CHECK(world.add(world.pi, {.label = "x", .host = "web.house"}) == "ok");
}

TEST_CASE("its own mesh names may be claimed and draw nothing") {
  Names world;
  REQUIRE(world.add(world.nas1, {.label = "web", .host = "web.home", .port = 80}) == "ok");
  REQUIRE(world.add(world.nas2, {.label = "web", .sni = {"nas2.web.home"}}) == "ok");
  CHECK(world.route("web.home") == "web.home: nas1 nas2");
  CHECK(world.route("nas2.web.home") == "web.home: nas2");
  CHECK(world.route("outbound_.80_._.web.home") == "web.home: nas1");
}

TEST_CASE("a service cannot register over a host that is held") {
  Names world;
  REQUIRE(world.add(world.pi,
                    {.label = "x", .host = "web.home", .sni = {"nas1.api.home", "cam.home.mesh.example.com"}}) == "ok");
  CHECK(world.add(world.nas1, {.claim = 1, .label = "web"}) == "name_taken");
  CHECK(world.add(world.nas1, {.claim = 2, .label = "api"}) == "name_taken");
  CHECK(world.add(world.nas1, {.claim = 3, .label = "cam"}) == "name_taken");
  CHECK(world.add(world.nas2, {.claim = 2, .label = "api"}) == "ok");
  CHECK(world.route("web.home") == "x.office: pi");
  CHECK(world.route("web.home.mesh.example.com") == "unknown_name");  // a host has no domain
  CHECK(World::text(world.snapshot().route_service("web.home")) == "unknown_name");
  CHECK(world.registry.unregister(*world.pi, 1, at(0s)));
  CHECK(world.add(world.nas1, {.claim = 1, .label = "web"}) == "ok");
  CHECK(world.route("web.home") == "web.home: nas1");
}

}  // namespace
}  // namespace fairlead::rendezvous
