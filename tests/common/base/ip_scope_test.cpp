#include "common/base/ip_scope.h"

#include "tests/support/doctest.h"

namespace fairlead {
namespace {

std::string_view scope(const char* text) {
  const auto address = IpAddress::parse(text);
  return address ? scope_name(scope_of(*address)) : "no address";
}

// Both ends of each block, and its neighbours outside.
TEST_CASE("IPv4 blocks begin and end where the registry says") {
  CHECK(scope("0.0.0.0") == "unspecified");
  CHECK(scope("0.255.255.255") == "unspecified");
  CHECK(scope("1.0.0.0") == "global");
  CHECK(scope("9.255.255.255") == "global");
  CHECK(scope("10.0.0.0") == "private_use");
  CHECK(scope("10.255.255.255") == "private_use");
  CHECK(scope("11.0.0.0") == "global");
  CHECK(scope("100.63.255.255") == "global");
  CHECK(scope("100.64.0.0") == "shared");
  CHECK(scope("100.127.255.255") == "shared");
  CHECK(scope("100.128.0.0") == "global");
  CHECK(scope("126.255.255.255") == "global");
  CHECK(scope("127.0.0.1") == "loopback");
  CHECK(scope("127.255.255.255") == "loopback");
  CHECK(scope("128.0.0.0") == "global");
  CHECK(scope("169.253.255.255") == "global");
  CHECK(scope("169.254.0.0") == "link_local");
  CHECK(scope("169.254.255.255") == "link_local");
  CHECK(scope("169.255.0.0") == "global");
  CHECK(scope("172.15.255.255") == "global");
  CHECK(scope("172.16.0.0") == "private_use");
  CHECK(scope("172.31.255.255") == "private_use");
  CHECK(scope("172.32.0.0") == "global");
  CHECK(scope("191.255.255.255") == "global");
  CHECK(scope("192.0.0.0") == "reserved");
  CHECK(scope("192.0.0.2") == "reserved");  // DS-Lite's B4
  CHECK(scope("192.0.0.255") == "reserved");
  CHECK(scope("192.0.1.0") == "global");
  CHECK(scope("192.0.2.1") == "reserved");
  CHECK(scope("192.0.3.0") == "global");
  CHECK(scope("192.88.98.255") == "global");
  CHECK(scope("192.88.99.1") == "reserved");
  CHECK(scope("192.167.255.255") == "global");
  CHECK(scope("192.168.0.0") == "private_use");
  CHECK(scope("192.168.255.255") == "private_use");
  CHECK(scope("192.169.0.0") == "global");
  CHECK(scope("198.17.255.255") == "global");
  CHECK(scope("198.18.0.0") == "reserved");
  CHECK(scope("198.19.255.255") == "reserved");
  CHECK(scope("198.20.0.0") == "global");
  CHECK(scope("198.51.100.7") == "reserved");
  CHECK(scope("198.51.101.0") == "global");
  CHECK(scope("203.0.113.255") == "reserved");
  CHECK(scope("203.0.114.0") == "global");
  CHECK(scope("223.255.255.255") == "global");
  CHECK(scope("224.0.0.0") == "multicast");
  CHECK(scope("239.255.255.250") == "multicast");
  CHECK(scope("240.0.0.0") == "reserved");
  CHECK(scope("255.255.255.255") == "reserved");
}

TEST_CASE("IPv6 is global only inside 2000::/3, and not in all of it") {
  CHECK(scope("::") == "unspecified");
  CHECK(scope("::1") == "loopback");
  CHECK(scope("::2") == "reserved");
  CHECK(scope("::192.0.2.1") == "reserved");
  CHECK(scope("64:ff9b::808:808") == "reserved");
  CHECK(scope("64:ff9b:1::1") == "reserved");
  CHECK(scope("100::1") == "reserved");
  CHECK(scope("1fff:ffff::") == "reserved");
  CHECK(scope("2000::") == "global");
  CHECK(scope("2001::1") == "reserved");  // Teredo
  CHECK(scope("2001:2::1") == "reserved");
  CHECK(scope("2001:20::1") == "reserved");
  CHECK(scope("2001:1ff:ffff::") == "reserved");
  CHECK(scope("2001:200::1") == "global");
  CHECK(scope("2001:db7:ffff::") == "global");
  CHECK(scope("2001:db8::1") == "reserved");
  CHECK(scope("2001:db9::1") == "global");
  CHECK(scope("2002:c000:201::1") == "reserved");
  CHECK(scope("2003::1") == "global");
  CHECK(scope("2a00:1450::1") == "global");
  CHECK(scope("3ffe:ffff::1") == "global");
  CHECK(scope("3fff::1") == "reserved");
  CHECK(scope("3fff:fff:ffff::") == "reserved");
  CHECK(scope("3fff:1000::1") == "global");
  CHECK(scope("4000::1") == "reserved");
  CHECK(scope("5f00::1") == "reserved");
  CHECK(scope("fbff::1") == "reserved");
  CHECK(scope("fc00::1") == "private_use");
  CHECK(scope("fdff:ffff::1") == "private_use");
  CHECK(scope("fe00::1") == "reserved");
  CHECK(scope("fe7f::1") == "reserved");
  CHECK(scope("fe80::1") == "link_local");
  CHECK(scope("febf::1") == "link_local");
  CHECK(scope("fec0::1") == "reserved");
  CHECK(scope("ff02::1") == "multicast");
}

TEST_CASE("a v4-mapped address is judged as the IPv4 address it is") {
  CHECK(scope("::ffff:10.1.2.3") == "private_use");
  CHECK(scope("::ffff:8.8.8.8") == "global");
}

}  // namespace
}  // namespace fairlead
