#include "rendezvous/registry/policy.h"

#include "tests/support/doctest.h"
#include "world.h"

namespace fairlead::rendezvous {
namespace {

PolicyRule rule(std::string agent) {
  PolicyRule out = default_rule();
  out.agent = std::move(agent);
  return out;
}

std::string checked(const PolicyRule& rule) {
  const auto result = check_rule(rule);
  return result ? "ok" : result.error().detail;
}

TEST_CASE("without rules the default one stands") {
  const Policy policy({}, "td");
  const auto grant = policy.match("spiffe://td/agent/home/nas1");
  REQUIRE(grant);
  CHECK(grant->may_be("nas1"));
  CHECK_FALSE(grant->may_be("nas2"));
  CHECK_FALSE(grant->may_be(""));
  CHECK(grant->may_register("web.home"));
  CHECK_FALSE(grant->may_register("web.office"));
  CHECK_FALSE(grant->may_register("a.web.home"));
  CHECK_FALSE(grant->may_register("home"));
  CHECK_FALSE(grant->may_register(".home"));
  CHECK_FALSE(grant->may_claim("web.home"));
  CHECK(grant->default_endpoint() == "nas1");
  CHECK(grant->default_cluster() == "home");
  CHECK(grant->sources() == std::vector{cidr("0.0.0.0/0"), cidr("::/0")});
}

TEST_CASE("other identities do not match") {
  const Policy policy({}, "td");
  for (const std::string id :
       {"", "spiffe://td", "spiffe://td/agent/home", "spiffe://td/agent/home/nas1/more",
        "spiffe://other/agent/home/nas1", "spiffe://td/rendezvous/r1", "spiffe://TD/agent/home/nas1",
        "spiffe://td/agent//nas1", "spiffe://td/agent/home/", "https://td/agent/home/nas1"}) {
    CAPTURE(id);
    CHECK_FALSE(policy.match(id));
  }
}

TEST_CASE("a certificate's segment is a value, never a pattern") {
  const Policy policy({}, "td");
  for (const std::string cluster : {"*", "**", "{name}", "{x}", "Home", "a.b"}) {
    CAPTURE(cluster);
    const auto grant = policy.match(std::string("spiffe://td/agent/") + cluster + "/nas1");
    REQUIRE(grant);
    CHECK_FALSE(grant->may_register("web.home"));
    CHECK_FALSE(grant->may_register("web.nas1"));
    CHECK_FALSE(grant->default_cluster());
  }
  CHECK_FALSE(policy.match("spiffe://td/agent/home/*")->may_be("nas1"));
}

TEST_CASE("the first rule that matches decides, also when it denies") {
  PolicyRule deny{
      .agent = "spiffe://{trust_domain}/agent/home/bad", .services = {}, .endpoints = {}, .hosts = {}, .source = {}};
  PolicyRule fleet = rule("spiffe://{trust_domain}/fleet/**");
  fleet.services = {"cam.fleet"};
  fleet.endpoints = {"*"};
  fleet.hosts = {"*.cams.example.com", "cams.example.com"};
  fleet.source = {cidr("10.0.0.0/8")};
  const Policy policy({deny, fleet, default_rule()}, "td");

  const auto bad = policy.match("spiffe://td/agent/home/bad");
  REQUIRE(bad);
  CHECK_FALSE(bad->may_be("bad"));
  CHECK_FALSE(bad->may_register("web.home"));

  const auto cam = policy.match("spiffe://td/fleet/a/b/c");
  REQUIRE(cam);
  CHECK(cam->may_be("anything"));
  CHECK_FALSE(cam->may_be("two.labels"));
  CHECK(cam->may_claim("x.cams.example.com"));
  CHECK(cam->may_claim("cams.example.com"));
  CHECK_FALSE(cam->may_claim("x.y.cams.example.com"));
  CHECK_FALSE(cam->may_claim("evilcams.example.com"));
  CHECK_FALSE(cam->default_endpoint());
  CHECK_FALSE(cam->default_cluster());
  CHECK(cam->sources() == std::vector{cidr("10.0.0.0/8")});

  CHECK(policy.match("spiffe://td/agent/home/nas1")->may_be("nas1"));
}

TEST_CASE("good rules pass") {
  CHECK(checked(default_rule()) == "ok");
  PolicyRule good = rule("spiffe://{trust_domain}/{cluster}/*/{site}/**");
  good.services = {"*.{cluster}", "web.home", "{site}.{cluster}"};
  good.endpoints = {"{site}", "*", "nas1"};
  good.hosts = {"*.{site}.example.com", "{trust_domain}"};
  CHECK(checked(good) == "ok");
}

TEST_CASE("bad agent patterns are refused") {
  for (const std::string agent : {"", "*", "**", "td/agent/x", "https://td/x", "spiffe://td/a*", "spiffe://td/**/x",
                                  "spiffe://td/{", "spiffe://td/x{y}", "spiffe://td/{}"}) {
    CAPTURE(agent);
    PolicyRule bad{.agent = agent, .services = {}, .endpoints = {}, .hosts = {}, .source = {}};
    CHECK(check_rule(bad).error().reason == Reason::config_invalid);
    CHECK(checked(bad).starts_with("agent: "));
  }
}

TEST_CASE("bad name patterns are refused, with their key") {
  const auto with = [](std::vector<std::string> PolicyRule::* key, std::string pattern) {
    PolicyRule bad = default_rule();
    bad.*key = {"ok.home", std::move(pattern)};
    if (key == &PolicyRule::endpoints) bad.*key = {"ok", (bad.*key)[1]};
    return checked(bad);
  };
  for (const std::string pattern : {"", "web", "a.b.c", "*.{custer}", "*.Home", "web.home.", "we*.home", "-a.home",
                                    "a_b.home", "web.", ".home", "**.home", "*.{cluster"}) {
    CAPTURE(pattern);
    CHECK(with(&PolicyRule::services, pattern).starts_with("services: "));
  }
  for (const std::string pattern : {"", "a.b", "{nam}", "NAS", "nas?", "nas*"}) {
    CAPTURE(pattern);
    CHECK(with(&PolicyRule::endpoints, pattern).starts_with("endpoints: "));
  }
  for (const std::string pattern : {"", "a..b", "*.{host}", "Web.example.com", "web.example.com.", "w_b.example.com"}) {
    CAPTURE(pattern);
    CHECK(with(&PolicyRule::hosts, pattern).starts_with("hosts: "));
  }
  CHECK(with(&PolicyRule::services, "*.{custer}").find("which `agent` does not capture") != std::string::npos);
}

}  // namespace
}  // namespace fairlead::rendezvous
