#include "agent/resource/memory_budget.h"

#include <vector>

#include "agent/setting/config.h"
#include "common/base/random.h"
#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

std::vector<RelayShare> take_all(MemoryBudget& budget) {
  std::vector<RelayShare> shares;
  while (auto share = budget.take_relay()) shares.push_back(*share);
  return shares;
}

TEST_CASE("without a ceiling nothing is limited") {
  MemoryBudget budget;
  CHECK_FALSE(budget.limited());
  for (int i = 0; i < 10'000; ++i) {
    const auto share = budget.take_relay();
    REQUIRE(share);
    CHECK(share->buffers.bytes == 0);
    CHECK(share->turn == net::kTurnBudget);
  }
  budget.give_back(RelayShare{});
  CHECK(budget.used() == 0);
  CHECK(budget.pool_max(32) == 32);
  CHECK(budget.callers_max(256) == 256);
  CHECK(budget.hello_max(65536) == 65536);
  CHECK(budget.session_buffers().bytes == 0);
  CHECK(budget.large_pipes() == kLargePipes);
}

TEST_CASE("what a ceiling comes to") {
  struct Row {
    std::size_t ceiling, relays_wish, relays, buffers, pool, callers;
  };
  const Row rows[] = {
      {kLeastMemory, 0, 5, 4 * kKiB, 1, 1},        {kLeastMemory, 1, 1, 4 * kKiB, 1, 1},
      {1 * kMiB, 0, 19, 4 * kKiB, 1, 1},           {4 * kMiB, 0, 101, 4 * kKiB, 4, 5},
      {8 * kMiB, 0, 210, 4 * kKiB, 8, 10},         {8 * kMiB, 20, 20, 32 * kKiB, 8, 2},
      {8 * kMiB, 1'000'000, 210, 4 * kKiB, 8, 10}, {32 * kMiB, 0, 265, 16 * kKiB, 32, 17},
      {1024 * kMiB, 0, 2272, 64 * kKiB, 32, 160},
  };
  for (const Row& row : rows) {
    CAPTURE(row.ceiling);
    CAPTURE(row.relays_wish);
    const MemoryBudget budget(row.ceiling, row.relays_wish);
    CHECK(budget.max() == row.ceiling);
    CHECK(budget.relays() == row.relays);
    CHECK(budget.first_buffers().bytes == row.buffers);
    CHECK(budget.pool_max(32) == row.pool);
    CHECK(budget.callers_max(256) == row.callers);
    CHECK(budget.used() < row.ceiling / 2 + 256 * kKiB);
    CHECK(budget.large_pipes() == 0);
  }
}

TEST_CASE("the least ceiling has room for what there is one of at least") {
  const std::size_t fixed = 2 * 80 * kKiB + 96 * kKiB;
  const std::size_t channels = 2 * 16 * kKiB;
  const std::size_t callers = 28 * kKiB + 20 * kKiB;
  CHECK(MemoryBudget(kLeastMemory, 0).used() == fixed + channels + callers);
}

TEST_CASE("who comes and who is sent away fit into their part together") {
  for (std::size_t ceiling = kLeastMemory; ceiling <= 256 * kMiB; ceiling += ceiling / 3) {
    for (const std::size_t relays_wish : {0, 1, 2, 20}) {
      CAPTURE(ceiling);
      CAPTURE(relays_wish);
      const MemoryBudget budget(ceiling, relays_wish);
      const std::size_t buffer = net::kernel_memory(budget.first_buffers());
      const std::size_t caller = 4 * kKiB + buffer + kShortHello;
      const std::size_t farewell = 4 * kKiB + 2 * buffer;
      const std::size_t callers = budget.callers_max(1'000'000);
      CHECK(callers >= 1);
      CHECK(callers * (caller + farewell) <= std::max(ceiling / 16, 48 * kKiB));
    }
  }
}

TEST_CASE("as many relays as promised are let in, and no byte beyond the ceiling") {
  for (std::size_t ceiling = kLeastMemory; ceiling <= 256 * kMiB; ceiling += ceiling / 3) {
    CAPTURE(ceiling);
    MemoryBudget budget(ceiling, 0);
    const std::size_t idle = budget.used();
    const auto shares = take_all(budget);
    CHECK(shares.size() == budget.relays());
    CHECK(budget.used() <= ceiling);
    for (const RelayShare& share : shares) {
      CHECK(share.buffers.bytes >= budget.first_buffers().bytes);
      CHECK(share.buffers.bytes <= kMostBuffers);
      CHECK(share.memory > 4 * net::kernel_memory(share.buffers) / 2);
      budget.give_back(share);
    }
    CHECK(budget.used() == idle);
  }
}

TEST_CASE("a proof connection takes what larger buffers leave, then the places of relays") {
  MemoryBudget budget(8 * kMiB, 0);
  const std::size_t idle = budget.used();
  const auto proof = budget.take_proof();
  REQUIRE(proof);
  CHECK(proof->places == 0);
  CHECK(proof->buffers == budget.session_buffers());
  CHECK(budget.used() == idle + 80 * kKiB);
  budget.give_back(*proof);

  auto shares = take_all(budget);
  CHECK(shares.size() == budget.relays());
  CHECK_FALSE(budget.take_proof());
  for (int i = 0; i < 3; ++i) {
    budget.give_back(shares.back());
    shares.pop_back();
  }
  const auto late = budget.take_proof();
  REQUIRE(late);
  CHECK(late->places > 0);
  CHECK(late->memory >= 80 * kKiB);
  CHECK(take_all(budget).size() == 3 - late->places);
  CHECK(budget.used() <= budget.max());
}

TEST_CASE("under every ceiling there is room for a proof while nothing is relayed") {
  for (std::size_t ceiling = kLeastMemory; ceiling <= 256 * kMiB; ceiling += ceiling / 3) {
    for (const std::size_t relays_wish : {0, 1, 2, 3, 20}) {
      CAPTURE(ceiling);
      CAPTURE(relays_wish);
      CHECK(MemoryBudget(ceiling, relays_wish).take_proof());
    }
  }
  CHECK(MemoryBudget().take_proof()->buffers.bytes == 0);
}

TEST_CASE("TLS that ends here costs more than a relay, and what it costs is given back") {
  MemoryBudget budget(8 * kMiB, 0);
  const std::size_t idle = budget.used();
  std::vector<RelayShare> shares;
  while (auto share = budget.take_terminated(Protocol::tcp)) shares.push_back(*share);
  CHECK(shares.size() > 50);
  CHECK(shares.size() < budget.relays() / 2);
  for (const RelayShare& share : shares) {
    CHECK(share.memory >= 100 * kKiB);
    CHECK(share.places >= 1);
    budget.give_back(share);
  }
  CHECK(budget.used() == idle);
  const auto plain = budget.take_terminated(Protocol::tcp);
  CHECK(budget.take_terminated(Protocol::http)->memory == plain->memory + 64 * kKiB);
  for (std::size_t ceiling = kLeastMemory; ceiling <= 64 * kMiB; ceiling *= 2) {
    CAPTURE(ceiling);
    CHECK(MemoryBudget(ceiling, 0).take_terminated(Protocol::tcp));
    CHECK(MemoryBudget(ceiling, 0).take_terminated(Protocol::http));
  }
  CHECK(MemoryBudget().take_terminated(Protocol::tcp)->memory == 0);
}

TEST_CASE("few relays get larger buffers than many, also in a small budget") {
  MemoryBudget budget(4 * kMiB, 0);
  const auto shares = take_all(budget);
  CHECK(shares.front().buffers.bytes == 16 * kKiB);
  CHECK(shares.back().buffers.bytes == 4 * kKiB);
  for (std::size_t i = 1; i < shares.size(); ++i) CHECK(shares[i].memory <= shares[i - 1].memory);
}

TEST_CASE("whatever comes and goes, the promise and the ceiling hold") {
  SeededRng rng(7);
  MemoryBudget budget(8 * kMiB, 0);
  std::vector<RelayShare> live;
  std::size_t places = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto roll = rng.below(100);
    if (roll < 55) {
      const auto share = roll < 5    ? budget.take_proof()
                         : roll < 10 ? budget.take_terminated(Protocol::tcp)
                                     : budget.take_relay();
      if (roll >= 10) CHECK(share.has_value() == (places < budget.relays()));
      if (share) live.push_back(*share);
      if (share) places += share->places;
    } else if (!live.empty()) {
      const std::size_t at = rng.below(live.size());
      budget.give_back(live[at]);
      places -= live[at].places;
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(at));
    }
    CHECK(budget.used() <= budget.max());
  }
  CHECK(live.size() > 100);
}

}  // namespace
}  // namespace fairlead::agent
