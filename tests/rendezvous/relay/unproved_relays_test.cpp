#include "rendezvous/relay/unproved_relays.h"

#include <set>
#include <vector>

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

// One worker; others may share its gauge.
struct Rig {
  explicit Rig(SourceGauge& of_server) : gauge(of_server) {}

  std::uint64_t begin(const IpAddress& source, const std::string& service = "web.home") {
    relays.insert(++last);
    unproved.enter(last, source, service);
    return last;
  }
  void close(std::uint64_t number) {
    unproved.leave(number);  // as a relay that ends
    closed.push_back(number);
    relays.erase(number);
  }

  SourceGauge& gauge;
  std::set<std::uint64_t> relays;
  std::vector<std::uint64_t> closed;
  std::uint64_t last = 0;
  UnprovedRelays unproved{gauge, [this](std::uint64_t number, Reason) { close(number); }};
};

const IpAddress kOne = IpAddress::v4({192, 0, 2, 1});
const IpAddress kOther = IpAddress::v4({192, 0, 2, 2});

TEST_CASE("the oldest silent one of a full source goes, the newcomer and others stay") {
  SourceGauge gauge(2);
  Rig rig(gauge);
  const auto other = rig.begin(kOther);
  const auto first = rig.begin(kOne);
  rig.begin(kOne);
  rig.begin(kOne);
  CHECK(rig.closed == std::vector{first});
  CHECK(rig.relays.contains(other));
  CHECK(rig.gauge.highest() == 2);
}

TEST_CASE("who spoke or ended is not counted any more, at any worker") {
  SourceGauge gauge(2);
  Rig rig(gauge);
  Rig other(gauge);
  for (int i = 0; i < 100; ++i) rig.unproved.leave(rig.begin(kOne));
  CHECK(rig.closed.empty());
  CHECK(rig.unproved.size() == 0);
  CHECK(gauge.highest() == 0);
  other.begin(kOne);
  other.begin(kOne);
  CHECK(other.closed.empty());
}

TEST_CASE("of a full service the oldest silent one goes, if there is one") {
  SourceGauge gauge(10);
  Rig rig(gauge);
  const auto spoke = rig.begin(kOne);
  rig.begin(kOne, "ssh.home");
  const auto silent = rig.begin(kOther);
  rig.begin(kOther);
  rig.unproved.leave(spoke);
  CHECK(rig.unproved.close_oldest_of("web.home"));
  CHECK(rig.closed == std::vector{silent});
  CHECK(rig.unproved.close_oldest_of("web.home"));
  CHECK_FALSE(rig.unproved.close_oldest_of("web.home"));
  CHECK(rig.relays.size() == 2);
  CHECK(gauge.highest() == 1);
}

TEST_CASE("networks of one site drive out each other, not the world") {
  SourceGauge gauge(1);
  Rig rig(gauge);
  const auto other = rig.begin(kOther);
  for (std::uint8_t net = 0; net < 100; ++net) rig.begin(IpAddress::v6({0x20, 1, 0xd, 0xb8, 0, 0, net, 0, 1}));
  CHECK(rig.relays.size() == 1 + 8);
  CHECK(rig.relays.contains(other));
}

TEST_CASE("what other workers hold keeps nobody out, and closes none that makes no room") {
  SourceGauge gauge(3);
  Rig rig(gauge);
  std::vector<std::optional<SourceToken>> elsewhere;
  for (int i = 0; i < 3; ++i) elsewhere.push_back(gauge.take(kOne));
  const auto first = rig.begin(kOne);
  rig.begin(kOne);
  rig.begin(kOne);
  CHECK(rig.closed.empty());
  rig.begin(kOne);  // as many as may be anywhere
  CHECK(rig.closed == std::vector{first});
}

}  // namespace
}  // namespace fairlead::rendezvous
