#include "common/base/source_gauge.h"

#include <string>
#include <vector>

#include "tests/support/doctest.h"

namespace fairlead {
namespace {

IpAddress ip(const std::string& text) {
  return *IpAddress::parse(text);
}

// Host `host` in the `net`th /64 of 2001:db8:SITE::/48.
IpAddress host_in(unsigned site, unsigned net, unsigned host) {
  std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
  bytes[5] = static_cast<std::uint8_t>(site);
  bytes[6] = static_cast<std::uint8_t>(net >> 8);
  bytes[7] = static_cast<std::uint8_t>(net);
  bytes[14] = static_cast<std::uint8_t>(host >> 8);
  bytes[15] = static_cast<std::uint8_t>(host);
  return IpAddress::v6(bytes);
}

TEST_CASE("addresses of one /64 share one limit") {
  SourceGauge gauge(64);
  std::vector<SourceToken> held;
  for (unsigned i = 0; i < 1000; ++i) {
    if (auto token = gauge.take(host_in(1, 1, i))) held.push_back(std::move(*token));
  }
  CHECK(held.size() == 64);
  CHECK(gauge.highest() == 64);
  CHECK(gauge.take(host_in(1, 2, 1)));
  CHECK(gauge.take(ip("192.0.2.1")));
  held.clear();
  CHECK(gauge.highest() == 0);
  CHECK(gauge.take(host_in(1, 1, 5)));
}

TEST_CASE("one /48 full of networks has eight times a host's limit, a /56 four times") {
  SourceGauge gauge(4);
  std::vector<SourceToken> held;
  for (unsigned i = 0; i < 256; ++i) {
    if (auto token = gauge.take(host_in(1, i, 1))) held.push_back(std::move(*token));
  }
  CHECK(held.size() == 16);
  for (unsigned i = 0; i < 65536; ++i) {
    if (auto token = gauge.take(host_in(1, i, 1))) held.push_back(std::move(*token));
  }
  CHECK(held.size() == 32);
  CHECK(gauge.highest() == 4);
  CHECK(gauge.take(host_in(2, 0, 1)));
}

TEST_CASE("what a wider network refuses is not counted in the narrower one") {
  SourceGauge gauge(1);
  std::vector<SourceToken> held;
  for (unsigned i = 0; i < 8; ++i) held.push_back(*gauge.take(host_in(1, i << 8, 1)));
  CHECK_FALSE(gauge.take(host_in(1, 9 << 8, 1)));
  held.pop_back();
  CHECK(gauge.take(host_in(1, 9 << 8, 1)));
}

TEST_CASE("IPv4 addresses are each for itself, however they are spelled") {
  SourceGauge gauge(1);
  const auto first = gauge.take(ip("192.0.2.1"));
  CHECK(first);
  CHECK_FALSE(gauge.take(ip("::ffff:192.0.2.1")));
  CHECK(gauge.take(ip("192.0.2.2")));
}

}  // namespace
}  // namespace fairlead
