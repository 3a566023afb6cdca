#include "common/base/source_key.h"

#include <string>
#include <vector>

#include "tests/support/doctest.h"

namespace fairlead {
namespace {

std::string source_of(std::string_view address) {
  return SourceKey::of(*IpAddress::parse(address)).to_string();
}

std::vector<std::string> levels_of(std::string_view address) {
  std::vector<std::string> out;
  for (const SourceKey& key : SourceLevels(*IpAddress::parse(address))) out.push_back(key.to_string());
  return out;
}

TEST_CASE("an IPv4 address is a source, an IPv6 one is its /64") {
  CHECK(source_of("192.0.2.1") == "192.0.2.1/32");
  CHECK(source_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64");
  CHECK(source_of("2001:db8:1:2::1") == source_of("2001:db8:1:2:ffff::1"));
  CHECK(source_of("2001:db8:1:2::1") != source_of("2001:db8:1:3::1"));
  CHECK(source_of("::1") == "::/64");
}

TEST_CASE("an IPv4 address that is spelled as IPv6 is the same source") {
  CHECK(source_of("::ffff:192.0.2.1") == "192.0.2.1/32");
  CHECK(source_of("::ffff:192.0.2.1") != source_of("::ffff:192.0.2.2"));
}

TEST_CASE("sites around an IPv6 address count, with larger limits") {
  CHECK(levels_of("192.0.2.1") == std::vector<std::string>{"192.0.2.1/32"});
  CHECK(levels_of("2001:db8:1:2345::1") ==
        std::vector<std::string>{"2001:db8:1:2345::/64", "2001:db8:1:2300::/56", "2001:db8:1::/48"});
  const SourceLevels levels(*IpAddress::parse("2001:db8::1"));
  CHECK(levels[0].factor() == 1);
  CHECK(levels[1].factor() == 4);
  CHECK(levels[2].factor() == 8);
  CHECK(SourceKey::of(*IpAddress::parse("192.0.2.1")).factor() == 1);
  CHECK(levels.narrowest() == SourceKey::of(*IpAddress::parse("2001:db8::1")));
  CHECK(levels.widest().prefix == 48);
}

TEST_CASE("networks of one beginning and several sizes are several sources") {
  const SourceLevels levels(*IpAddress::parse("2001:db8::1"));
  CHECK(levels[0].network == levels[2].network);
  CHECK(levels[0] != levels[2]);
}

}  // namespace
}  // namespace fairlead
