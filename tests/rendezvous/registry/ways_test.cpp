#include "rendezvous/registry/ways.h"

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

using State = DirectEndpoint::State;

DirectEndpoint direct(std::uint16_t port, State state) {
  return {.address = {*IpAddress::parse("198.51.100.7"), port}, .method = "pcp", .state = state};
}

// "7001:10 relay:20": ports and priorities in their order.
std::string text(std::span<const Way> ways) {
  std::string out;
  for (const Way& way : ways) {
    out += out.empty() ? "" : " ";
    out += way.kind == Way::Kind::relay ? "relay" : std::to_string(way.direct.address.port);
    out += ":" + std::to_string(way.priority);
  }
  return out;
}

TEST_CASE("without direct addresses the relay is the only way") {
  const Ways ways({});
  CHECK(text(ways.usable()) == "relay:20");
  CHECK(text(ways.all()) == "relay:20");
}

TEST_CASE("direct addresses that answer come before the relay, the others are shown behind it and never used") {
  const Ways ways({direct(7001, State::down), direct(7002, State::live), direct(7003, State::verifying),
                   direct(7004, State::live)});
  CHECK(text(ways.usable()) == "7002:10 7004:10 relay:20");
  CHECK(text(ways.all()) == "7002:10 7004:10 relay:20 7001:10 7003:10");
}

TEST_CASE("ways are the same when nothing about them is different") {
  CHECK(Ways({direct(1, State::live)}) == Ways({direct(1, State::live)}));
  CHECK_FALSE(Ways({direct(1, State::live)}) == Ways({direct(1, State::verifying)}));
  CHECK_FALSE(Ways({direct(1, State::live)}) == Ways({}));
}

}  // namespace
}  // namespace fairlead::rendezvous
