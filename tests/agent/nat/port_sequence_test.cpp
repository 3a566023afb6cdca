#include "agent/nat/port_sequence.h"

#include <set>

#include "tests/support/doctest.h"

namespace fairlead::agent::nat {
namespace {

TEST_CASE("an identity has its ports, each once, all within the range") {
  const PortSequence ports("nas1.home", 0);
  std::set<std::uint16_t> seen;
  for (std::uint32_t i = 0; i < kMappedPorts; ++i) {
    const std::uint16_t port = ports.at(i);
    if (port < kFirstMappedPort || port > kLastMappedPort) FAIL_CHECK("out of range: " << port);
    seen.insert(port);
  }
  CHECK(seen.size() == kMappedPorts);
  CHECK(ports.at(kMappedPorts) == ports.at(0));
}

TEST_CASE("the sequence follows from the identity alone") {
  CHECK(PortSequence("nas1.home", 0).at(0) == PortSequence("nas1.home", 0).at(0));
  CHECK(PortSequence("nas1.home", 0).at(0) != PortSequence("nas2.home", 0).at(0));
  CHECK(PortSequence("nas1.home", 0).at(5) == PortSequence("nas1.home", 0).at(5));
}

TEST_CASE("a configured port comes first and not again") {
  CHECK(PortSequence("nas1.home", 443).at(0) == 443);
  CHECK(PortSequence("nas1.home", 443).at(1) == PortSequence("nas1.home", 0).at(0));
  const std::uint16_t third = PortSequence("nas1.home", 0).at(2);
  const PortSequence ports("nas1.home", third);
  std::set<std::uint16_t> seen;
  for (std::uint32_t i = 0; i < 100; ++i) seen.insert(ports.at(i));
  CHECK(ports.at(0) == third);
  CHECK(seen.size() == 100);
}

TEST_CASE("a description is short plain ASCII") {
  CHECK(mapping_description("nas1.home") == "fairlead nas1.home");
  CHECK(mapping_description("") == "fairlead");
  CHECK(mapping_description("n\xc3\xa4s <x>\n") == "fairlead n--s--x--");
  CHECK(mapping_description(std::string(100, 'a')).size() == 31);
}

}  // namespace
}  // namespace fairlead::agent::nat
