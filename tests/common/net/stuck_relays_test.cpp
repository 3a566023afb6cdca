// Relays whose peers do not read, under a budget for what the kernel holds for them.
#include "common/net/stuck_relays.h"

#include <list>

#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

constexpr std::size_t kMiB = 1024 * 1024;

// A service that would send for ever to a client that does not read.
struct Stalled {
  Stalled(Worker& worker, StuckRelays* stuck)
      : rig(worker, {.stuck = stuck}), service(std::move(rig.service), &down, 64 * kMiB, &up) {}
  void pump() {
    if (!rig.outcome) service.pump();
  }

  Pattern up{1};
  Pattern down{2, server_hello()};
  RelayRig rig;
  Peer service;
};

// Pumps all until nothing more is taken for a while, and the relays were looked at.
void stall(Worker& worker, std::list<Stalled>& all) {
  std::uint64_t before = 1;
  std::uint64_t now = 0;
  while (now != before) {
    before = now;
    const TimePoint until = worker.loop.now() + 600ms;
    CHECK(worker.until([&] {
      for (Stalled& each : all) each.pump();
      return worker.loop.now() >= until;
    }));
    now = 0;
    for (const Stalled& each : all) now += each.service.sent;
  }
}

std::size_t memory_of(const std::list<Stalled>& all) {
  std::size_t sum = 0;
  for (const Stalled& each : all) sum += each.rig.relay ? each.rig.relay->kernel_memory() : 0;
  return sum;
}

TEST_CASE("relays of clients that do not read hold much while there is room, and little when memory is tight") {
  constexpr int kMany = 24;
  Worker worker;
  std::list<Stalled> alone;
  alone.emplace_back(worker, nullptr);
  stall(worker, alone);
  const std::size_t each = memory_of(alone);
  CHECK(each > 0);

  core::RelayBudget budget(16 * each);  // tight from four of them on
  StuckRelays stuck(worker.loop, budget);
  std::list<Stalled> many;
  for (int i = 0; i < kMany; ++i) {
    many.emplace_back(worker, &stuck);
    if (i % 4 == 3) stall(worker, many);
  }
  CHECK(stuck.size() == kMany);
  CHECK(budget.tight());
  CHECK(budget.in_use() > each);
  CHECK(memory_of(many) < kMany * each / 2);
  for (const Stalled& relay : many) CHECK_FALSE(relay.rig.outcome);

  // Who reads again gets every byte, and small buffers are not for ever.
  Stalled& first = many.front();
  Peer client(std::move(first.rig.client), &first.up, 0, &first.down);
  CHECK(worker.until([&] {
    client.pump();
    first.pump();
    return client.received >= 32 * kMiB;
  }));
  CHECK(client.intact);
}

TEST_CASE("beyond the budget the fullest that do not move are cut off") {
  Worker worker;
  core::RelayBudget budget(1);
  StuckRelays stuck(worker.loop, budget);
  std::list<Stalled> one;
  one.emplace_back(worker, &stuck);
  CHECK(worker.until([&] {
    one.front().pump();
    return one.front().rig.outcome.has_value();
  }));
  CHECK(one.front().rig.outcome->reason == Reason::relay_memory);
  CHECK(one.front().rig.outcome->lasted >= core::kShedPatience);
  CHECK(budget.in_use() == 0);
  CHECK(stuck.size() == 0);
}

TEST_CASE("a relay that flows is not counted, one that ends is not remembered") {
  Worker worker;
  core::RelayBudget budget(kMiB);
  StuckRelays stuck(worker.loop, budget);
  {
    std::list<Stalled> one;
    one.emplace_back(worker, &stuck);
    Stalled& flowing = one.front();
    flowing.service.to_send = 4096 * kMiB;
    Peer client(std::move(flowing.rig.client), &flowing.up, 0, &flowing.down);
    const TimePoint until = worker.loop.now() + 1s;
    std::size_t most = 0;
    CHECK(worker.until([&] {
      flowing.pump();
      client.pump();
      most = std::max(most, budget.in_use());
      return worker.loop.now() >= until;
    }));
    CHECK(most == 0);
    CHECK(worker.until([&] {
      flowing.pump();
      return budget.in_use() > 0;
    }));
  }
  CHECK(budget.in_use() == 0);
}

}  // namespace
}  // namespace fairlead::net
