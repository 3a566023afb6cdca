#include "rendezvous/verify/dial_policy.h"

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

SocketAddress at(const char* text) {
  return *SocketAddress::parse(text);
}
IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

TEST_CASE("only global addresses and high ports are dialled") {
  const DialPolicy policy{.own = {ip("25.1.0.9")}, .any_scope = false};
  CHECK(may_dial(at("25.1.0.2:1024"), policy));
  CHECK(may_dial(at("[2a01:db80::1]:65535"), policy));
  for (const char* never : {"25.1.0.2:1023", "25.1.0.2:22", "25.1.0.9:40000", "10.0.0.1:40000", "192.168.1.1:40000",
                            "172.16.0.1:40000", "100.64.0.1:40000", "127.0.0.1:40000", "169.254.1.1:40000",
                            "224.0.0.1:40000", "255.255.255.255:40000", "0.0.0.0:40000", "203.0.113.7:40000",
                            "[::1]:40000", "[fe80::1]:40000", "[ff02::1]:40000", "[fd00::1]:40000", "[::]:40000"}) {
    CAPTURE(never);
    CHECK_FALSE(may_dial(at(never), policy));
  }
}

TEST_CASE("a laboratory may dial inside, but still not itself, everybody or nobody") {
  const DialPolicy policy{.own = {ip("192.168.1.9")}, .any_scope = true};
  CHECK(may_dial(at("192.168.1.1:40000"), policy));
  CHECK(may_dial(at("100.64.0.1:40000"), policy));
  CHECK(may_dial(at("127.0.0.1:40000"), policy));
  for (const char* never : {"192.168.1.9:40000", "192.168.1.1:80", "169.254.1.1:40000", "224.0.0.1:40000",
                            "0.0.0.0:40000", "[fe80::1]:40000", "[ff02::1]:40000"}) {
    CAPTURE(never);
    CHECK_FALSE(may_dial(at(never), policy));
  }
}

TEST_CASE("a dial-back comes from another address of the family, where there is one") {
  const std::vector<IpAddress> sources = global_addresses(
      {ip("127.0.0.1"), ip("25.1.0.9"), ip("10.0.0.9"), ip("2a01:db80::9"), ip("fe80::1"), ip("25.1.0.10")});
  CHECK(sources.size() == 3);
  CHECK(dial_source(at("25.1.0.2:40000"), ip("25.1.0.9"), sources) == ip("25.1.0.10"));
  CHECK(dial_source(at("25.1.0.2:40000"), ip("25.1.0.10"), sources) == ip("25.1.0.9"));
  CHECK_FALSE(dial_source(at("[2a01:db80::2]:40000"), ip("2a01:db80::9"), sources));
  CHECK(dial_source(at("[2a01:db80::2]:40000"), ip("2a01:db80::8"), sources) == ip("2a01:db80::9"));
  CHECK_FALSE(dial_source(at("25.1.0.2:40000"), ip("25.1.0.9"), {}));
}

}  // namespace
}  // namespace fairlead::rendezvous
