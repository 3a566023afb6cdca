// What a session may register, and what a new policy takes away.
#include "rendezvous/registry/registry.h"

#include "tests/support/doctest.h"
#include "world.h"

namespace fairlead::rendezvous {
namespace {

TEST_CASE("a registration becomes an endpoint") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  const Service service{
      .claim = 4, .label = "Web", .host = "web.svc", .port = 443, .sni = {"a.example"}, .subsets = {"v1"}};
  const auto registered = world.registry.register_service(*nas1, service.request(), moment(0s));
  REQUIRE(registered);
  CHECK(registered->refused.empty());
  const Endpoint& endpoint = *registered->endpoint;
  CHECK(endpoint.service == "web.home");
  CHECK(endpoint.name == "nas1");
  CHECK(endpoint.host == "web.svc");
  CHECK(endpoint.port == 443);
  CHECK(endpoint.claim == 4);
  CHECK(endpoint.spiffe_id == "spiffe://td/agent/home/nas1");
  CHECK(endpoint.carrier == nas1);
  CHECK(endpoint.load != nullptr);
  CHECK(endpoint.sources.size() == 2);
  CHECK(world.snapshot().route("web.home", {}).candidates().front() == registered->endpoint);
}

TEST_CASE("policy limits services, hosts and sni names") {
  PolicyRule rule = rule_with_hosts({"*.default.svc.cluster.local", "nas.example.com"});
  rule.services = {"web.{cluster}", "api.shared"};
  World world({rule});
  const auto nas1 = world.enter("home", "nas1");
  CHECK(world.add(nas1, {.label = "api"}) == "policy_denied");
  CHECK(world.add(nas1, {.label = "web", .sni = {"spiffe://td"}}) == "config_invalid");
  CHECK(world.registry.counters().endpoints == 0);
  // A name that policy refuses does not take the others along, nor the service.
  CHECK(world.add(nas1, {.label = "web", .host = "web.example.com"}) == "ok -web.example.com");
  CHECK(world.route("web.home") == "web.home: nas1");
  CHECK(world.route("web.example.com") == "unknown_name");
  CHECK(world.add(nas1, {.label = "web", .host = "a.b.default.svc.cluster.local"}) ==
        "ok -a.b.default.svc.cluster.local");
  CHECK(world.add(nas1, {.label = "web", .sni = {"x.example.com", "nas.example.com"}}) == "ok -x.example.com");
  CHECK(world.route("nas.example.com") == "web.home: nas1");
  CHECK(world.add(nas1, {.label = "web", .host = "web.default.svc.cluster.local", .sni = {"NAS.example.com"}}) == "ok");

  auto elsewhere = world.claim("home", "nas2");
  elsewhere.cluster = "shared";
  REQUIRE(std::holds_alternative<Admitted>(world.registry.admit(elsewhere, moment(0s))));
  CHECK(world.add(elsewhere.session, {.label = "web"}) == "policy_denied");
  CHECK(world.add(elsewhere.session, {.label = "api"}) == "ok");
}

TEST_CASE("a name that reads as another service needs the right to that service, live or not") {
  PolicyRule rule = default_rule();
  rule.services = {"web.{cluster}"};
  rule.hosts = {"*.home", "*.*.home", "*.mesh.example.com", "*.shop.com", "www.office", "*.{name}.lan", "*.*.*.*.*"};
  World world({rule});
  const auto nas1 = world.enter("home", "nas1");
  const auto sni = [&](const std::string& name) { return world.add(nas1, {.label = "web", .sni = {name}}); };
  CHECK(sni("db.home") == "ok -db.home");  // its owner is not here yet
  CHECK(world.route("db.home") == "unknown_name");
  CHECK(sni("nas9.db.home") == "ok -nas9.db.home");
  CHECK(sni("db.home.mesh.example.com") == "ok -db.home.mesh.example.com");
  CHECK(sni("nas9.db.home.mesh.example.com") == "ok -nas9.db.home.mesh.example.com");
  CHECK(sni("web.home") == "ok");           // its own
  CHECK(sni("nas2.shop.com") == "ok");      // the rule spells shop.com: whoever wrote it meant that name
  CHECK(sni("www.office") == "ok");         // as here
  CHECK(sni("tv.nas1.lan") == "ok");        // and a capture is the identity's own
  CHECK(sni("a.b.c.example.com") == "ok");  // five labels read as no service
  CHECK(world.add(nas1, {.label = "web", .host = "db.home", .port = 80}) == "ok -db.home");
  rule.services = {"*.{cluster}"};
  world.registry.replace_policy(Policy({rule}, "td"), at(1s));
  CHECK(sni("db.home") == "ok");
}

TEST_CASE("strangers register nothing") {
  World world;
  const auto nobody = std::make_shared<ToyCarrier>();
  CHECK(world.add(nobody, {.label = "web"}) == "session_ended");
  CHECK_FALSE(world.registry.unregister(*nobody, 1, at(0s)));
}

TEST_CASE("services are limited per agent, not in total") {
  World world({}, {}, {.services_per_agent = 3});
  const auto nas1 = world.enter("home", "nas1");
  const auto nas2 = world.enter("home", "nas2");
  for (std::uint32_t i = 1; i <= 3; ++i) {
    REQUIRE(world.add(nas1, {.claim = i, .label = "s" + std::to_string(i)}) == "ok");
  }
  CHECK(world.add(nas1, {.claim = 4, .label = "s4"}) == "services_max");
  CHECK(world.add(nas1, {.claim = 5, .label = "s3"}) == "ok");  // replaces
  CHECK(world.add(nas2, {.claim = 1, .label = "s4"}) == "ok");
  CHECK(world.registry.unregister(*nas1, 1, at(0s)));
  CHECK(world.add(nas1, {.claim = 4, .label = "s4"}) == "ok");
}

TEST_CASE("registering again replaces") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  REQUIRE(world.add(nas1, {.claim = 1, .label = "web", .host = "old.svc", .port = 80}) == "ok");
  const EndpointPtr before = list_endpoints(world.registry.view(), {}).rows.front()->endpoint;
  before->load->on_started();
  REQUIRE(world.add(nas1, {.claim = 2, .label = "web", .host = "new.svc", .port = 81}) == "ok");
  CHECK(world.registry.counters().endpoints == 1);
  CHECK(list_endpoints(world.registry.view(), {}).rows.front()->endpoint->load->live() == 1);
  CHECK(world.route("web.home") == "web.home: nas1");
  CHECK(world.route("old.svc") == "no_endpoint");
  CHECK(world.route("new.svc") == "web.home: nas1");
  CHECK_FALSE(world.registry.unregister(*nas1, 1, at(0s)));
  CHECK(world.route("new.svc") == "web.home: nas1");

  SUBCASE("under the same number, too") {
    CHECK(world.add(nas1, {.claim = 2, .label = "web"}) == "ok");
    CHECK(world.route("new.svc") == "no_endpoint");
  }
  SUBCASE("a number stands for one service") {
    CHECK(world.add(nas1, {.claim = 2, .label = "api"}) == "protocol_error");
    REQUIRE(world.add(nas1, {.claim = 3, .label = "api"}) == "ok");
    CHECK(world.add(nas1, {.claim = 2, .label = "api"}) == "protocol_error");
    CHECK(world.add(nas1, {.claim = 3, .label = "web"}) == "protocol_error");
  }
  SUBCASE("a refused one changes nothing") {
    CHECK(world.add(nas1, {.claim = 3, .label = "web", .host = "rv.example.com"}) == "name_taken");
    CHECK(world.route("new.svc") == "web.home: nas1");
    CHECK(world.registry.unregister(*nas1, 2, at(0s)));
  }
}

TEST_CASE("unregistering ends one service, once") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  const auto nas2 = world.enter("home", "nas2");
  REQUIRE(world.add(nas1, {.claim = 1, .label = "web"}) == "ok");
  REQUIRE(world.add(nas1, {.claim = 2, .label = "api"}) == "ok");
  CHECK_FALSE(world.registry.unregister(*nas1, 3, at(0s)));
  CHECK_FALSE(world.registry.unregister(*nas2, 1, at(0s)));
  CHECK(world.registry.unregister(*nas1, 1, at(0s)));
  CHECK_FALSE(world.registry.unregister(*nas1, 1, at(0s)));
  CHECK(world.route("web.home") == "no_endpoint");
  CHECK(world.route("api.home") == "api.home: nas1");
}

TEST_CASE("a name is remembered for an hour after its last endpoint") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  REQUIRE(world.add(nas1, {.label = "web", .host = "web.svc", .subsets = {"v1"}}) == "ok");
  world.now = 10s;
  world.registry.close_session(*nas1, at(world.now));
  const auto names = {"web.home",
                      "nas1.web.home",
                      "web.svc",
                      "outbound_.8443_._.web.svc",
                      "outbound_.8443_.v1_.web.svc",
                      "web.home.mesh.example.com"};
  for (const std::string name : names) CHECK(world.route(name) == "no_endpoint");
  CHECK(world.snapshot().route("web.home", {}).service() == "web.home");
  world.registry.expire(at(10s + kRememberName - 1us));
  CHECK(world.registry.publish() == nullptr);
  world.registry.expire(at(10s + kRememberName));
  for (const std::string name : names) CHECK(world.route(name) == "unknown_name");
}

TEST_CASE("coming back within the hour starts the memory anew") {
  World world;
  for (const Duration leaves : {Duration(0s), Duration(30min)}) {
    world.now = leaves;
    const auto nas1 = world.enter("home", "nas1");
    REQUIRE(world.add(nas1, {.label = "web"}) == "ok");
    CHECK(world.route("web.home") == "web.home: nas1");
    world.registry.close_session(*nas1, at(leaves));
  }
  world.registry.expire(at(70min));
  CHECK(world.route("web.home") == "no_endpoint");
  world.registry.expire(at(90min));
  CHECK(world.route("web.home") == "unknown_name");
}

TEST_CASE("a live name is never forgotten") {
  World world;
  auto nas1 = world.enter("home", "nas1");
  REQUIRE(world.add(nas1, {.label = "web"}) == "ok");
  world.registry.close_session(*nas1, at(0s));
  nas1 = world.enter("home", "nas1");
  REQUIRE(world.add(nas1, {.label = "web"}) == "ok");
  world.registry.expire(at(100h));
  CHECK(world.route("web.home") == "web.home: nas1");
}

TEST_CASE("memory of names is bounded") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  const auto flap = [&](const std::string& label) {
    REQUIRE(world.add(nas1, {.label = label}) == "ok");
    world.registry.unregister(*nas1, 1, at(0s));
  };
  flap("first");
  for (std::size_t i = 0; i < kMaxRememberedNames / 2; ++i) {
    flap("s" + std::to_string(i));
    if (i % 1000 == 0) world.snapshot();
  }
  CHECK(world.route("first.home") == "unknown_name");
  CHECK(world.route("s0.home") == "no_endpoint");
}

TEST_CASE("a new policy withdraws what it does not allow") {
  World world({rule_with_hosts({"*.svc", "*.example"})});
  const auto nas1 = world.enter("home", "nas1");
  const auto nas2 = world.enter("home", "nas2");
  REQUIRE(world.add(nas1, {.claim = 1, .label = "web", .host = "web.svc"}) == "ok");
  REQUIRE(world.add(nas1, {.claim = 2, .label = "api", .sni = {"api.example"}}) == "ok");
  REQUIRE(world.add(nas1, {.claim = 3, .label = "cam"}) == "ok");
  REQUIRE(world.add(nas2, {.claim = 1, .label = "web", .host = "web.svc"}) == "ok");

  SUBCASE("nothing changed") {
    const auto change = world.registry.replace_policy(Policy({rule_with_hosts({"*.svc", "*.example"})}, "td"), at(1s));
    CHECK(change.withdrawn.empty());
    CHECK(change.updated.empty());
    CHECK(change.denied.empty());
    CHECK(world.registry.counters().endpoints == 4);
  }
  SUBCASE("a host, a service and the sources") {
    PolicyRule rule = rule_with_hosts({"web.svc"});
    rule.services = {"web.{cluster}", "api.{cluster}"};
    rule.source = {cidr("10.0.0.0/8")};
    const auto change = world.registry.replace_policy(Policy({rule}, "td"), at(1s));
    CHECK(change.denied.empty());
    CHECK(change.withdrawn.size() == 1);
    REQUIRE(change.updated.size() == 3);
    CHECK(change.updated.front().endpoint->service == "api.home");  // lives on without the name that it may not have
    CHECK(change.updated.front().refused == std::vector{RefusedName{"api.example", Reason::policy_denied}});
    CHECK(world.route("api.home") == "api.home: nas1");
    CHECK(world.route("api.example") == "no_endpoint");
    CHECK(world.route("web.svc") == "web.home: nas1 nas2");
    CHECK(world.route("cam.home") == "no_endpoint");
    CHECK(world.route("web.home") == "web.home: nas1 nas2");
    const Route left = world.snapshot().route("web.home", {});
    for (const EndpointPtr& endpoint : left.candidates()) {
      CHECK_FALSE(endpoint->allows(*IpAddress::parse("192.0.2.1")));
    }
    CHECK(world.add(nas1, {.claim = 4, .label = "cam"}) == "policy_denied");
    CHECK(world.registry.unregister(*nas1, 1, at(2s)));
    CHECK(world.registry.counters().endpoints == 2);
  }
  SUBCASE("an identity") {
    PolicyRule deny{.agent = "spiffe://td/agent/home/nas1", .services = {}, .endpoints = {}, .hosts = {}, .source = {}};
    const auto change = world.registry.replace_policy(Policy({deny, rule_with_hosts({"*.svc"})}, "td"), at(1s));
    REQUIRE(change.denied.size() == 1);
    CHECK(change.denied.front() == nas1);
    CHECK(change.withdrawn.size() == 3);
    CHECK(world.route("web.home") == "web.home: nas2");
    CHECK(world.add(nas1, {.claim = 4, .label = "web"}) == "session_ended");
    CHECK_FALSE(world.registry.close_session(*nas1, at(2s)));
    CHECK(world.registry.counters().agents == 1);
  }
}

}  // namespace
}  // namespace fairlead::rendezvous
