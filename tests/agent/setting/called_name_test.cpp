#include "agent/setting/called_name.h"

#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

std::string refusal(std::string_view text, const std::vector<std::string>& expect = {}) {
  const auto called = read_called_name(text, expect);
  REQUIRE_FALSE(called.has_value());
  CHECK(called.error().reason == Reason::config_invalid);
  return called.error().detail;
}

TEST_CASE("a service may be answered by an agent of its cluster, or by its own certificate") {
  const CalledName web{"web.home",
                       {"spiffe://{trust_domain}/agent/home/*", "spiffe://{trust_domain}/service/web",
                        "spiffe://{trust_domain}/service/web.home"}};
  CHECK(read_called_name("web.home", {}) == web);
  CHECK(read_called_name("WEB.Home.", {}) == web);
  CHECK(read_called_name("web.home:443", {}) == web);
}

TEST_CASE("an endpoint may be answered by that agent alone") {
  CHECK(read_called_name("nas1.web.home", {}) ==
        CalledName{"nas1.web.home",
                   {"spiffe://{trust_domain}/agent/home/nas1", "spiffe://{trust_domain}/service/web",
                    "spiffe://{trust_domain}/service/web.home"}});
}

TEST_CASE("what the user expects takes the place of what follows from the name") {
  const std::vector<std::string> expect{"spiffe://mesh.test/ns/default/sa/*", "spiffe://{trust_domain}/x"};
  CHECK(read_called_name("web.home", expect) == CalledName{"web.home", expect});
  CHECK(read_called_name("web.default.svc.cluster.local", expect)->sni == "web.default.svc.cluster.local");
}

TEST_CASE("nothing is guessed about another name") {
  for (const char* name : {"web", "web.default.svc.cluster.local", "we_b.home"}) {
    CHECK(refusal(name).starts_with(name));
  }
  CHECK(refusal("web.default.svc.cluster.local").find("--expect") != std::string::npos);
}

TEST_CASE("what is no name is refused, and no pattern comes in by one") {
  for (const char* name : {"", ".", "web..home", "192.0.2.1", "[::1]:443", "*.home", "{x}.home", "web.home:0x1",
                           "web.home:70000", "web.home/x", "web home", "-web.home."}) {
    CAPTURE(name);
    CHECK_FALSE(read_called_name(name, {}).has_value());
  }
  CHECK(refusal("web.home", {"spiffe://a*/b"}).starts_with("--expect spiffe://a*/b"));
  CHECK(refusal("web.home", {"https://a/b"}).starts_with("--expect https://a/b"));
  CHECK(refusal("web.home", {""}).starts_with("--expect"));
}

}  // namespace
}  // namespace fairlead::agent
