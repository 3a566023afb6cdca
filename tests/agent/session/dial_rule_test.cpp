#include "agent/session/dial_rule.h"

#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

SocketAddress at(std::string_view text) {
  return *SocketAddress::parse(text);
}

const DialRule kRule{.server = ip("25.1.0.9"),
                     .named = {ip("10.0.0.5")},
                     .networks = {*Cidr::parse("10.9.0.0/16")},
                     .own_networks = {*Cidr::parse("192.168.1.0/24"), *Cidr::parse("2a02:1:2:3::/64")}};

TEST_CASE("the server's own host, what is configured and what the world can route may be dialled") {
  for (const std::string_view told :
       {"25.1.0.9:443", "25.1.0.9:15443", "10.0.0.5:9", "10.9.7.7:15443", "26.0.0.1:15443", "[2a02:9::1]:15443"}) {
    CAPTURE(told);
    CHECK(kRule.allows(at(told)));
  }
}

TEST_CASE("the agent's own network may not") {
  for (const std::string_view told :
       {"192.168.1.7:6379", "10.0.0.6:6379", "172.16.0.1:80", "127.0.0.1:6379", "[::1]:6379", "169.254.169.254:80",
        "100.64.0.1:80", "[fe80::1]:80", "[fd00::1]:6379", "0.0.0.0:6379", "[::]:80", "224.0.0.1:80", "203.0.113.1:80",
        "[2a02:1:2:3::77]:6379", "26.0.0.1:0"}) {
    CAPTURE(told);
    CHECK_FALSE(kRule.allows(at(told)));
  }
}

TEST_CASE("a server on this very host may name other ports of it, and nothing else") {
  const DialRule local{.server = ip("127.0.0.1"), .named = {}, .networks = {}, .own_networks = {}};
  CHECK(local.allows(at("127.0.0.1:9")));
  CHECK_FALSE(local.allows(at("127.0.0.2:9")));
  CHECK_FALSE(local.allows(at("192.168.1.1:9")));
}

}  // namespace
}  // namespace fairlead::agent
