#include "common/tls/spiffe_id.h"

#include <string>

#include "tests/support/doctest.h"

using namespace fairlead::tls;

TEST_CASE("valid SPIFFE ids") {
  for (const char* good : {"spiffe://mesh.test/a", "spiffe://a/b/c/d", "spiffe://td_1-x.y/Upper.Case_9-z",
                           "spiffe://cluster.local/ns/default/sa/web", "spiffe://a/...", "spiffe://a/.b"})
    CHECK_MESSAGE(is_spiffe_id(good), good);
  CHECK(is_spiffe_id("spiffe://" + std::string(255, 'a') + "/b"));
  CHECK(is_spiffe_id("spiffe://a/" + std::string(kMaxSpiffeIdBytes - 11, 'b')));
}

TEST_CASE("what is no SPIFFE id") {
  for (const char* bad : {"",
                          "spiffe://",
                          "spiffe:///a",
                          "spiffe://a",
                          "spiffe://a/",
                          "spiffe://a//b",
                          "spiffe://a/b/",
                          "spiffe://A/b",
                          "spiffe://a:1/b",
                          "spiffe://u@a/b",
                          "spiffe://a/b?c",
                          "spiffe://a/b#c",
                          "spiffe://a/./b",
                          "spiffe://a/b/..",
                          "spiffe://a/b%20",
                          "spiffe://a/b c",
                          "SPIFFE://a/b",
                          "https://a/b",
                          " spiffe://a/b",
                          "spiffe://a/\xc3\xa9"})
    CHECK_MESSAGE(!is_spiffe_id(bad), bad);
  CHECK_FALSE(is_spiffe_id(std::string("spiffe://a/b\0c", 14)));
  CHECK_FALSE(is_spiffe_id("spiffe://" + std::string(256, 'a') + "/b"));
  CHECK_FALSE(is_spiffe_id("spiffe://a/" + std::string(kMaxSpiffeIdBytes - 10, 'b')));
}

TEST_CASE("the trust domain of an id") {
  CHECK(trust_domain_of("spiffe://mesh.test/a/b") == "mesh.test");
  CHECK(trust_domain_of("spiffe://mesh.test") == "mesh.test");
  CHECK(trust_domain_of("") == "");
}
