#include "rendezvous/registry/service_claim.h"

#include "tests/support/doctest.h"
#include "world.h"

namespace fairlead::rendezvous {
namespace {

std::string outcome(const Service& service, std::string_view endpoint = "nas1") {
  const auto result = normalize_claim(service.request(), endpoint);
  return result ? "ok" : std::string(reason_code(result.error().reason));
}

TEST_CASE("names are lower-cased, dots dropped, repetitions too") {
  const Service service{.claim = 9,
                        .label = "WEB",
                        .host = "Web.Default.svc.",
                        .port = 1,
                        .sni = {"A.example", "a.example."},
                        .subsets = {"V1", "v1", "v2"}};
  const auto claim = normalize_claim(service.request(), "nas1");
  REQUIRE(claim);
  CHECK(*claim == wire::Register{9, "web", "web.default.svc", 1, {"a.example"}, {"v1", "v2"}});
}

TEST_CASE("a service alone is enough") {
  CHECK(outcome({.label = "web", .port = 0}) == "ok");
}

TEST_CASE("malformed names are refused") {
  for (const std::string label : {"", "a.b", "-a", "a-", "a_b", "*", "web home",
                                  "w\xc3\xa9"
                                  "b",
                                  ".", "web\n"}) {
    CAPTURE(label);
    CHECK(outcome({.label = label}) == "config_invalid");
    if (!label.empty()) CHECK(outcome({.label = "web", .subsets = {label}}) == "config_invalid");
  }
  for (const std::string host : {".", "..", "a..b", ".a", "a b.c", "*.example.com", "192.0.2.1", "2001:db8::1", "[::1]",
                                 "outbound_.80_._.web", "a_b.example", "-a.example", "a.example-"}) {
    CAPTURE(host);
    CHECK(outcome({.label = "web", .host = host}) == "config_invalid");
    CHECK(outcome({.label = "web", .sni = {"ok.example", host}}) == "config_invalid");
  }
  CHECK(outcome({.label = "web", .host = std::string("a.b\0c", 5)}) == "config_invalid");
  CHECK(outcome({.label = "web", .sni = {""}}) == "config_invalid");
  CHECK(outcome({.label = "web", .host = "a.example", .port = 0}) == "config_invalid");
  CHECK(outcome({.label = std::string(64, 'a')}) == "config_invalid");
}

TEST_CASE("names that clients could not send are refused") {
  const auto host_of = [](std::size_t length) {
    std::string host;
    while (host.size() + 10 < length) host += "aaaaaaaaa.";
    return host + std::string(length - host.size(), 'b');
  };
  // outbound_.65535_. (17) + SUBSET + _. (2) + HOST
  const std::size_t room = kMaxServerName - 17 - 2 - 4;
  CHECK(outcome({.label = "web", .host = host_of(room)}) == "ok");
  CHECK(outcome({.label = "web", .host = host_of(room + 1)}) == "config_invalid");
  CHECK(outcome({.label = "web", .host = host_of(room)}, "nas12") == "config_invalid");
  CHECK(outcome({.label = "web", .host = host_of(room), .subsets = {"v1"}}) == "ok");
  CHECK(outcome({.label = "web", .host = host_of(room), .subsets = {"v1", "stable"}}) == "config_invalid");
  CHECK(outcome({.label = "web", .sni = {host_of(kMaxServerName)}}) == "ok");
  CHECK(outcome({.label = "web", .sni = {host_of(kMaxServerName + 1)}}) == "config_invalid");
}

TEST_CASE("the number of names is bounded") {
  Service service{.label = "web"};
  for (std::size_t i = 0; i < kMaxExtraNames; ++i) service.sni.push_back("a" + std::to_string(i));
  for (std::size_t i = 0; i < kMaxSubsets; ++i) service.subsets.push_back("s" + std::to_string(i));
  CHECK(outcome(service) == "ok");
  Service more = service;
  more.sni.push_back("a0");
  CHECK(outcome(more) == "config_invalid");
  more = service;
  more.subsets.push_back("s0");
  CHECK(outcome(more) == "config_invalid");
}

}  // namespace
}  // namespace fairlead::rendezvous
