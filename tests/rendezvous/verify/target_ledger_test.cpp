#include "rendezvous/verify/target_ledger.h"

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

const TimePoint kStart{1h};
SocketAddress port(std::uint16_t number) {
  return {*IpAddress::parse("203.0.113.9"), number};
}

TEST_CASE("an identity has some targets an hour, however often it asks") {
  TargetLedger ledger;
  for (int round = 0; round < 3; ++round) {
    for (std::uint16_t i = 0; i < kTargetsPerHour; ++i) CHECK(ledger.admit("a", port(4000 + i), kStart));
    CHECK_FALSE(ledger.admit("a", port(5000), kStart + 59min));
  }
  CHECK(ledger.admit("b", port(5000), kStart));
}

TEST_CASE("what is an hour old makes room") {
  TargetLedger ledger;
  for (std::uint16_t i = 0; i < kTargetsPerHour; ++i) CHECK(ledger.admit("a", port(4000 + i), kStart + i * 1min));
  CHECK_FALSE(ledger.admit("a", port(5000), kStart + 59min));
  CHECK(ledger.admit("a", port(5000), kStart + 60min));
  CHECK_FALSE(ledger.admit("a", port(5001), kStart + 60min));
}

TEST_CASE("identities that are gone are forgotten, and too many are refused rather than kept") {
  TargetLedger ledger;
  for (std::size_t i = 0; i < kLedgerIdentities; ++i) CHECK(ledger.admit(std::to_string(i), port(4000), kStart));
  CHECK_FALSE(ledger.admit("late", port(4000), kStart));
  CHECK(ledger.admit("0", port(4000), kStart));
  CHECK(ledger.admit("late", port(4000), kStart + kTargetMemory));
  CHECK(ledger.identities() == 1);
}

}  // namespace
}  // namespace fairlead::rendezvous
