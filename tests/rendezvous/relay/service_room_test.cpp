#include "rendezvous/relay/service_room.h"

#include <vector>

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

// A host of its own /64 in site `site`.
IpAddress host(unsigned site, unsigned net) {
  return IpAddress::v6({0x20, 1, 0xd, 0xb8, 0, static_cast<std::uint8_t>(site), static_cast<std::uint8_t>(net >> 8),
                        static_cast<std::uint8_t>(net)});
}

std::size_t let_in(ServiceRoom& room, unsigned site, std::vector<ServiceRoom::Token>& held) {
  std::size_t count = 0;
  for (unsigned net = 0; net < 4096; ++net) {
    auto token = room.take("web.home", host(site, net));
    if (!token) continue;
    held.push_back(std::move(*token));
    ++count;
  }
  return count;
}

TEST_CASE("a site full of networks cannot take all of a service") {
  ServiceRoom room(4096, 256);
  std::vector<ServiceRoom::Token> held;
  CHECK(let_in(room, 1, held) == 1024);
  CHECK(room.take("web.home", host(1, 7)).error() == Reason::relays_per_source);
  CHECK(room.take("mail.home", host(1, 7)).has_value());
  CHECK(room.take("web.home", host(2, 7)).has_value());
  CHECK(room.take("web.home", IpAddress::v4({192, 0, 2, 1})).has_value());
  held.clear();
  CHECK(room.take("web.home", host(1, 7)).has_value());
  CHECK(room.highest() == 0);
}

TEST_CASE("a small limit is for anybody") {
  ServiceRoom room(2, 256);
  const auto first = room.take("web.home", host(1, 1));
  const auto second = room.take("web.home", host(1, 1));
  CHECK(second.has_value());
  CHECK(room.take("web.home", host(1, 1)).error() == Reason::relays_per_service);
  room.set_max(3, 256);
  CHECK(room.take("web.home", IpAddress::v4({192, 0, 2, 1})).has_value());
}

}  // namespace
}  // namespace fairlead::rendezvous
