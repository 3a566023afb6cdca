#include "rendezvous/relay/unproved_relays.h"

#include <map>
#include <vector>

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

using State = UnprovedRelays::State;

struct Rig {
  struct Relay {
    State state = State::unproved;
    SourceToken token;
  };
  explicit Rig(std::size_t max) : gauge(max) {}

  std::uint64_t begin(const IpAddress& source) {
    SourceToken token = unproved.admit(source);
    relays[++last] = {State::unproved, std::move(token)};
    unproved.add(last, source);
    return last;
  }
  State look(std::uint64_t number) {
    const auto at = relays.find(number);
    if (at == relays.end()) return State::gone;
    if (at->second.state == State::proved) at->second.token = {};
    return at->second.state;
  }
  void close(std::uint64_t number) {
    closed.push_back(number);
    relays.erase(number);
  }

  SourceGauge gauge;
  std::map<std::uint64_t, Relay> relays;
  std::vector<std::uint64_t> closed;
  std::uint64_t last = 0;
  UnprovedRelays unproved{gauge, [this](std::uint64_t number) { return look(number); },
                          [this](std::uint64_t number) { close(number); }};
};

const IpAddress kOne = IpAddress::v4({192, 0, 2, 1});
const IpAddress kOther = IpAddress::v4({192, 0, 2, 2});

TEST_CASE("the oldest silent one of a full source goes, the newcomer and others stay") {
  Rig rig(2);
  const auto other = rig.begin(kOther);
  const auto first = rig.begin(kOne);
  rig.begin(kOne);
  rig.begin(kOne);
  CHECK(rig.closed == std::vector{first});
  CHECK(rig.relays.contains(other));
  CHECK(rig.gauge.highest() == 2);
}

TEST_CASE("who spoke or ended is not counted any more") {
  Rig rig(2);
  for (int i = 0; i < 100; ++i) {
    const auto number = rig.begin(kOne);
    if (i % 2 == 0) rig.relays.at(number).state = State::proved;
    if (i % 2 == 1) rig.relays.erase(number);
  }
  CHECK(rig.closed.empty());
  CHECK(rig.relays.size() == 50);
  CHECK(rig.unproved.size() <= 3);
}

TEST_CASE("networks of one site drive out each other, not the world") {
  Rig rig(1);
  const auto other = rig.begin(kOther);
  for (std::uint8_t net = 0; net < 100; ++net) rig.begin(IpAddress::v6({0x20, 1, 0xd, 0xb8, 0, 0, net, 0, 1}));
  CHECK(rig.relays.size() == 1 + 8);
  CHECK(rig.relays.contains(other));
}

TEST_CASE("what other workers hold keeps nobody out") {
  Rig rig(1);
  const auto elsewhere = rig.gauge.take(kOne);
  const auto first = rig.begin(kOne);
  CHECK(rig.closed.empty());
  rig.begin(kOne);
  CHECK(rig.closed == std::vector{first});
}

}  // namespace
}  // namespace fairlead::rendezvous
