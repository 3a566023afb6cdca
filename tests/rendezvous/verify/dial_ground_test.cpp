#include "rendezvous/verify/dial_ground.h"

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}
const std::vector<IpAddress> kHost = {ip("127.0.0.1"), ip("10.0.0.2"), ip("25.1.0.2"), ip("25.1.0.3")};

TEST_CASE("nothing wished: any address of the host that the world can reach") {
  const Ground ground = make_ground({}, kHost);
  CHECK(ground.sources == std::vector{ip("25.1.0.2"), ip("25.1.0.3")});
  CHECK_FALSE(may_dial({ip("25.1.0.3"), 4000}, ground.policy));
  CHECK(may_dial({ip("25.1.0.9"), 4000}, ground.policy));
}

TEST_CASE("of the wished ones those that are there: a source that went away would make each dial fail") {
  const GroundWishes wishes{.verify_from = {ip("25.1.0.3"), ip("25.1.0.4"), ip("127.0.0.9")}};
  CHECK(make_ground(wishes, kHost).sources == std::vector{ip("25.1.0.3"), ip("127.0.0.9")});
  CHECK(make_ground(wishes, {ip("25.1.0.2")}).sources == std::vector{ip("127.0.0.9")});
}

TEST_CASE("an address that went away is no longer our own; a public one in front of us stays") {
  const GroundWishes wishes{.public_addresses = {ip("25.1.0.9")}};
  const Ground ground = make_ground(wishes, {ip("25.1.0.2")});
  CHECK(may_dial({ip("25.1.0.3"), 4000}, ground.policy));
  CHECK_FALSE(may_dial({ip("25.1.0.9"), 4000}, ground.policy));
}

TEST_CASE("who reads keeps what it read") {
  DialGround cell;
  cell.replace(make_ground({}, kHost));
  const auto before = cell.now();
  cell.replace(make_ground({}, {}));
  CHECK(before->sources.size() == 2);
  CHECK(cell.now()->sources.empty());
}

}  // namespace
}  // namespace fairlead::rendezvous
