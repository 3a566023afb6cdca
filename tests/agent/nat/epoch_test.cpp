#include "agent/nat/epoch.h"

#include "tests/support/doctest.h"

namespace fairlead::agent::nat {
namespace {

constexpr auto kPcp = MappingProtocol::pcp;
constexpr auto kNatPmp = MappingProtocol::nat_pmp;
constexpr TimePoint kStart{5000s};

EpochVerdict after(MappingProtocol protocol, std::uint32_t first, Duration passed, std::uint32_t second) {
  EpochClock clock;
  CHECK(clock.on_epoch(protocol, first, kStart) == EpochVerdict::first);
  const EpochVerdict judged = clock.judge(protocol, second, kStart + passed);
  CHECK(clock.on_epoch(protocol, second, kStart + passed) == judged);
  return judged;
}

TEST_CASE("NAT-PMP: an epoch that falls behind seven eighths of our clock is a loss") {
  CHECK(after(kNatPmp, 1000, 800s, 1800) == EpochVerdict::steady);
  CHECK(after(kNatPmp, 1000, 800s, 1698) == EpochVerdict::steady);  // 1000 + 700 - 2
  CHECK(after(kNatPmp, 1000, 800s, 1697) == EpochVerdict::reset);
  CHECK(after(kNatPmp, 1000, 0s, 998) == EpochVerdict::steady);
  CHECK(after(kNatPmp, 1000, 0s, 997) == EpochVerdict::reset);
  CHECK(after(kNatPmp, 1000, 800s, 4'000'000'000) == EpochVerdict::steady);  // a fast clock proves nothing
  CHECK(after(kNatPmp, 4'000'000'000, 10s, 3) == EpochVerdict::reset);
}

TEST_CASE("PCP: neither clock may run away from the other by more than a sixteenth") {
  CHECK(after(kPcp, 1000, 1600s, 2600) == EpochVerdict::steady);
  CHECK(after(kPcp, 1000, 1600s, 1000 + 1498) == EpochVerdict::steady);  // 1600 - 100 - 2
  CHECK(after(kPcp, 1000, 1600s, 1000 + 1497) == EpochVerdict::reset);
  CHECK(after(kPcp, 1000, 1600s, 1000 + 1708) == EpochVerdict::steady);  // 1708 - 106 = 1602
  CHECK(after(kPcp, 1000, 1600s, 1000 + 1710) == EpochVerdict::reset);
  CHECK(after(kPcp, 1000, 0s, 999) == EpochVerdict::steady);  // by one second it may go back
  CHECK(after(kPcp, 1000, 0s, 998) == EpochVerdict::reset);
}

TEST_CASE("judging an epoch that anybody could have sent changes nothing") {
  EpochClock clock;
  CHECK(clock.judge(kPcp, 7, kStart) == EpochVerdict::first);
  clock.on_epoch(kPcp, 1000, kStart);
  CHECK(clock.judge(kPcp, 0, kStart + 10s) == EpochVerdict::reset);
  CHECK(clock.on_epoch(kPcp, 1010, kStart + 10s) == EpochVerdict::steady);
}

TEST_CASE("after a loss the new epoch is what counts") {
  EpochClock clock;
  clock.on_epoch(kPcp, 100'000, kStart);
  CHECK(clock.on_epoch(kPcp, 5, kStart + 60s) == EpochVerdict::reset);
  CHECK(clock.on_epoch(kPcp, 65, kStart + 120s) == EpochVerdict::steady);
}

}  // namespace
}  // namespace fairlead::agent::nat
