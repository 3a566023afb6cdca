#include "agent/resource/relay_room.h"

#include <thread>
#include <vector>

#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

constexpr std::size_t kCeiling = 1024 * 1024;

TEST_CASE("beyond the most there is no place, until one is given back") {
  RelayRoom room(2);
  const auto first = room.take(Tls::passthrough);
  REQUIRE(first.has_value());
  REQUIRE(room.take(Tls::terminate).has_value());
  CHECK(room.take(Tls::passthrough).error().reason == Reason::agent_busy);
  CHECK(room.relays() == 2);
  room.give_back(*first);
  CHECK(room.relays() == 1);
  CHECK(room.take(Tls::passthrough).has_value());
}

TEST_CASE("memory that is used up is told as such, and a proof is no relay") {
  RelayRoom room(1000, MemoryBudget(kCeiling, 0));
  const std::size_t idle = room.memory_used();
  const auto proof = room.take_proof();
  REQUIRE(proof.has_value());
  CHECK(room.relays() == 0);
  std::vector<RelayShare> shares;
  Result<RelayShare> more = room.take(Tls::terminate);
  for (; more; more = room.take(Tls::terminate)) shares.push_back(*more);
  CHECK(more.error().reason == Reason::memory_limit);
  CHECK(shares.size() > 1);
  CHECK(room.memory_used() <= kCeiling);
  for (const RelayShare& share : shares) room.give_back(share);
  room.give_back_proof(*proof);
  CHECK(room.memory_used() == idle);
  CHECK(room.relays() == 0);
}

TEST_CASE("several threads take from the same places") {
  RelayRoom room(4, MemoryBudget(kCeiling, 0));
  const std::size_t idle = room.memory_used();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&room] {
      for (int turn = 0; turn < 2000; ++turn) {
        if (const auto share = room.take(turn % 2 == 0 ? Tls::terminate : Tls::passthrough)) room.give_back(*share);
      }
    });
  }
  for (std::thread& each : threads) each.join();
  CHECK(room.relays() == 0);
  CHECK(room.memory_used() == idle);
}

}  // namespace
}  // namespace fairlead::agent
