#include "rendezvous/setting/descriptor_budget.h"

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

std::size_t sum(const DescriptorBudget& budget) {
  std::size_t out = budget.fixed;
  for (const DescriptorShare& share : budget.shares) out += share.all();
  return out;
}

DescriptorBudget dealt(const Limits& limits, const DescriptorNeeds& needs) {
  const auto budget = deal_descriptors(limits, needs);
  REQUIRE(budget);
  CHECK(sum(*budget) <= needs.open_files);
  CHECK(budget->limits.relays_max >= 1);
  CHECK(budget->limits.sessions_max >= 1);
  CHECK(budget->limits.channels_max >= 1);
  CHECK(budget->limits.unclassified_max >= 1);
  CHECK(budget->limits.handshakes_max >= 1);
  CHECK(budget->farewells_per_worker >= 1);
  return *budget;
}

TEST_CASE("whatever may be opened, the sum fits and everybody has something") {
  for (const std::size_t open_files : {256, 1024, 4096, 20'000, 65'536, 1'048'576}) {
    for (const std::size_t workers : {1, 2, 4}) {
      CAPTURE(open_files);
      const auto budget = dealt({}, {.open_files = open_files, .workers = workers, .listeners = 2});
      CHECK(budget.cut.empty());
      CHECK(sum(budget) >= open_files * 9 / 10);  // and nothing to speak of is left over
    }
  }
}

TEST_CASE("1024 descriptors serve a hundred connections and more") {
  const auto budget = dealt({}, {.open_files = 1024, .workers = 2, .listeners = 2});
  CHECK(budget.limits.relays_max >= 100);
  CHECK(budget.limits.sessions_max >= 100);
  CHECK(budget.limits.unclassified_max >= 30);
}

TEST_CASE("where there is plenty, the defaults stand") {
  const auto budget = dealt({}, {.open_files = 1'048'576, .workers = 4, .listeners = 2});
  CHECK(budget.limits.unclassified_max == Limits{}.unclassified_max);
  CHECK(budget.limits.handshakes_max == Limits{}.handshakes_max);
  CHECK(budget.limits.handshakes_waiting == Limits{}.handshakes_waiting);
}

TEST_CASE("what is configured and fits is kept, what does not is cut and named") {
  Limits limits;
  limits.sessions_max = 10'000;
  const auto fits = dealt(limits, {.open_files = 20'000, .workers = 2, .listeners = 2});
  CHECK(fits.limits.sessions_max == 10'000);
  CHECK(fits.cut.empty());

  limits.relays_max = 50'000;
  limits.unclassified_max = 100'000;
  const auto cut = dealt(limits, {.open_files = 20'000, .workers = 2, .listeners = 2});
  REQUIRE(cut.cut.size() == 3);
  CHECK(cut.cut[0].find("limits.unclassified_max: 100000") == 0);
  CHECK(cut.cut[1].find("limits.relays_max: 50000") == 0);
  CHECK(cut.cut[2].find("limits.sessions_max: 10000") == 0);
  CHECK(cut.limits.sessions_max > 1000);
  CHECK(cut.limits.relays_max > 5000);
}

TEST_CASE("a fleet may wait where its sessions will be") {
  Limits limits;
  limits.sessions_max = 10'000;
  const auto budget = dealt(limits, {.open_files = 20'000, .workers = 2, .listeners = 2});
  CHECK(budget.limits.waiting_places < 2000);
  CHECK(budget.limits.handshakes_waiting >= 10'000);
  CHECK(budget.limits.handshakes_waiting <= budget.limits.waiting_places + budget.limits.sessions_max);
  limits.handshakes_waiting = 50;
  const auto few = dealt(limits, {.open_files = 20'000, .workers = 2, .listeners = 2});
  CHECK(few.limits.handshakes_waiting == 50);
}

TEST_CASE("more workers than descriptors are told in one line") {
  const auto none = deal_descriptors({}, {.open_files = 1024, .workers = 128, .listeners = 2});
  REQUIRE_FALSE(none);
  CHECK(none.error().reason == Reason::io_failed);
  CHECK(none.error().detail.find("128 workers") == 0);
  CHECK(none.error().detail.find("1024") != std::string::npos);
}

}  // namespace
}  // namespace fairlead::rendezvous
