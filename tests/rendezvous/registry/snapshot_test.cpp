// The order in which a name is looked up, row by row: Snapshot::route().
#include "rendezvous/registry/routing.h"
#include "tests/support/doctest.h"
#include "world.h"

namespace fairlead::rendezvous {
namespace {

struct Routes : World {
  using World::World;
  std::shared_ptr<Carrier> nas1 = enter("home", "nas1");
  std::shared_ptr<Carrier> nas2 = enter("home", "nas2");
};

TEST_CASE("an empty table") {
  World world;
  CHECK(world.route("web.home") == "unknown_name");
  CHECK(world.route("nas1.web.home.mesh.example.com") == "unknown_name");
  CHECK(World::text(world.snapshot().route_service("web.home")) == "unknown_name");
  CHECK(world.registry.publish() == nullptr);
}

TEST_CASE("what ends here") {
  World world;
  for (const std::string sni :
       {"rv.example.com", "RV.Example.COM.", "", ".", "192.0.2.1", "2001:db8::1", "::1", "[::1]", "0.0.0.0"}) {
    CAPTURE(sni);
    CHECK(world.route(sni) == "own");
  }
  for (const std::string sni : {"example.com", "x.rv.example.com", "rv.example.com..", "192.0.2", "192.0.2.1.com",
                                "[::1", " rv.example.com", "rv.example.com\n", "mesh.example.com"}) {
    CAPTURE(sni);
    CHECK(world.route(sni) == "unknown_name");
  }
}

TEST_CASE("the server's names may change while it runs") {
  World world;
  CHECK(world.route("new.example.com") == "unknown_name");
  world.registry.replace_own_names({"new.example.com"});
  CHECK(world.route("new.example.com") == "own");
  CHECK(world.route("rv.example.com") == "unknown_name");
  REQUIRE(world.add(world.enter("home", "nas1"), {.label = "web"}) == "ok");
  CHECK(world.route("web.home.mesh.example.com") == "web.home: nas1");
}

TEST_CASE("Istio names") {
  Routes world;
  REQUIRE(world.add(world.nas1, {.label = "web", .host = "web.svc", .port = 80, .subsets = {"v1", "nas2"}}) == "ok");
  REQUIRE(world.add(world.nas2, {.label = "web", .host = "web.svc", .port = 80, .subsets = {"v1", "v2"}}) == "ok");
  CHECK(world.route("outbound_.80_._.web.svc") == "web.home: nas1 nas2");
  CHECK(world.route("OUTBOUND_.80_._.Web.svc.") == "web.home: nas1 nas2");
  CHECK(world.route("outbound_.80_.v1_.web.svc") == "web.home: nas1 nas2");
  CHECK(world.route("outbound_.80_.v2_.web.svc") == "web.home: nas2");
  CHECK(world.route("outbound_.80_.nas1_.web.svc") == "web.home: nas1");
  CHECK(world.route("outbound_.80_.nas2_.web.svc") == "web.home: nas1");  // a subset goes before an endpoint
  CHECK(world.snapshot().route("outbound_.80_.nas1_.web.svc", kIstio).endpoint_wanted() == "nas1");
  CHECK(world.snapshot().route("outbound_.80_.v2_.web.svc", kIstio).endpoint_wanted() == "");

  for (const std::string sni :
       {"outbound_.81_._.web.svc", "outbound_.80_.v3_.web.svc", "outbound_.80_._.web", "outbound_.80_._.web.home",
        "outbound_.080_._.web.svc", "outbound_._._.web.svc", "outbound_.80_._.", "outbound_.", "outbound_.80.web.svc",
        "outbound_.99999_._.web.svc", "outbound_.80_._.web.svc.mesh.example.com", "xoutbound_.80_._.web.svc"}) {
    CAPTURE(sni);
    CHECK(world.route(sni) == "unknown_name");
  }
  CHECK(world.registry.unregister(*world.nas2, 1, at(0s)));
  CHECK(world.route("outbound_.80_.v2_.web.svc") == "no_endpoint");
  CHECK(world.route("outbound_.80_.v1_.web.svc") == "web.home: nas1");
}

TEST_CASE("Istio names need one of Istio's protocols") {
  Routes world;
  REQUIRE(world.add(world.nas1, {.label = "web", .host = "web.svc", .port = 80}) == "ok");
  const std::vector<std::vector<std::string>> without = {{}, {"h2"}, {"http/1.1", "h2"}, {"Istio"}, {"istio "}, {""}};
  for (const auto& alpn : without) {
    CHECK(world.route("outbound_.80_._.web.svc", alpn) == "alpn_required");
    CHECK(world.route("outbound_.80_._.other.svc", alpn) == "alpn_required");
    CHECK(world.route("web.svc", alpn) == "web.home: nas1");
    CHECK(world.route("web.home", alpn) == "web.home: nas1");
  }
  CHECK(world.snapshot().route("outbound_.80_._.web.svc", {}).kind == Route::Kind::refused);
  CHECK(world.route("outbound_.80_._.web.svc", {"h2", "istio-peer-exchange"}) == "web.home: nas1");
}

TEST_CASE("hosts and sni names go to their service, the lowest port first") {
  Routes world;
  REQUIRE(world.add(world.nas1, {.claim = 1, .label = "web", .host = "app.svc", .port = 443}) == "ok");
  REQUIRE(world.add(world.nas2, {.claim = 1, .label = "web", .host = "app.svc", .port = 90}) == "ok");
  REQUIRE(world.add(world.nas1, {.claim = 2, .label = "api", .host = "app.svc", .port = 100}) == "ok");
  CHECK(world.route("app.svc") == "web.home: nas1 nas2");  // the service, all of it
  CHECK(world.route("App.SVC.") == "web.home: nas1 nas2");
  CHECK(world.route("outbound_.443_._.app.svc") == "web.home: nas1");
  CHECK(world.registry.unregister(*world.nas2, 1, at(0s)));
  CHECK(world.route("app.svc") == "api.home: nas1");
  CHECK(world.route("x.app.svc") == "unknown_name");
  CHECK(world.route("svc") == "unknown_name");
}

TEST_CASE("endpoints and services, with and without a domain") {
  Routes world;
  REQUIRE(world.add(world.nas1, {.label = "web"}) == "ok");
  REQUIRE(world.add(world.nas2, {.label = "web"}) == "ok");
  for (const std::string domain : {"", ".", ".mesh.example.com", ".MESH.example.com."}) {
    CAPTURE(domain);
    CHECK(world.route("web.home" + std::string(domain)) == "web.home: nas1 nas2");
    CHECK(world.route("Nas2.web.home" + std::string(domain)) == "web.home: nas2");
    CHECK(world.route("nas3.web.home" + std::string(domain)) == "unknown_name");
    CHECK(world.route("nas1.api.home" + std::string(domain)) == "unknown_name");
    CHECK(world.route("x.nas1.web.home" + std::string(domain)) == "unknown_name");
  }
  CHECK(world.snapshot().route("nas2.web.home", {}).endpoint_wanted() == "nas2");
  CHECK(world.route("web.home.example.com") == "unknown_name");
  CHECK(world.route("home") == "unknown_name");
  CHECK(world.registry.unregister(*world.nas2, 1, at(0s)));
  CHECK(world.route("nas2.web.home") == "no_endpoint");
  CHECK(world.route("nas2.web.home.mesh.example.com") == "no_endpoint");
  CHECK(world.route("web.home") == "web.home: nas1");
}

TEST_CASE("no name is too long or too strange to be looked up") {
  World world;
  CHECK(world.route(std::string(70000, 'a')) == "unknown_name");
  CHECK(world.route(std::string(255, '.')) == "unknown_name");
  CHECK(world.route(std::string("web.home\0", 9)) == "unknown_name");
  CHECK(world.route("\xff\xfe") == "unknown_name");
}

TEST_CASE("fixed ports route to a service by its own name alone") {
  Routes world;
  REQUIRE(world.add(world.nas1, {.label = "web", .host = "web.svc"}) == "ok");
  const auto fixed = [&](std::string_view service) { return World::text(world.snapshot().route_service(service)); };
  CHECK(fixed("web.home") == "web.home: nas1");
  CHECK(fixed("Web.Home.") == "web.home: nas1");
  for (const std::string other :
       {"web.svc", "nas1.web.home", "web.home.mesh.example.com", "outbound_.8443_._.web.svc", "", "rv.example.com"}) {
    CHECK(fixed(other) == "unknown_name");
  }
  world.registry.close_session(*world.nas1, at(0s));
  CHECK(fixed("web.home") == "no_endpoint");
  CHECK(fixed("web.svc") == "unknown_name");
}

TEST_CASE("a route and a snapshot outlive what follows") {
  Routes world;
  REQUIRE(world.add(world.nas1, {.label = "web"}) == "ok");
  const auto before = world.registry.publish();
  REQUIRE(before);
  const Route route = before->route("web.home", {});
  world.registry.close_session(*world.nas1, at(0s));
  const auto after = world.registry.publish();
  CHECK(World::text(before->route("web.home", {})) == "web.home: nas1");
  CHECK(World::text(after->route("web.home", {})) == "no_endpoint");
  CHECK(World::text(route) == "web.home: nas1");
}

}  // namespace
}  // namespace fairlead::rendezvous
