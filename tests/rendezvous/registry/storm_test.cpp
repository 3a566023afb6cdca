// A storm of registrations must cost what changed, not what exists.

#include "tests/support/doctest.h"
#include "world.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::size_t kAgents = 10'000;
// Of a table with twice as many names: 32 ways each, and a few leaves that are split once more.
constexpr std::size_t kLevels = 4;
constexpr std::size_t kBranches = 1 + 32 + 32 * 32 * 2;

std::vector<std::shared_ptr<Carrier>> enter_all(World& world, std::size_t count = kAgents) {
  std::vector<std::shared_ptr<Carrier>> agents;
  for (std::size_t i = 0; i < count; ++i) agents.push_back(world.enter("home", "a" + std::to_string(i)));
  return agents;
}

TEST_CASE("a storm published in batches copies each branch of the table at most once a batch") {
  World world;
  const auto agents = enter_all(world);
  std::size_t publications = 0;
  std::shared_ptr<const Snapshot> last;
  for (std::size_t i = 0; i < kAgents; ++i) {
    REQUIRE(world.add(agents[i], {.label = "s" + std::to_string(i)}) == "ok");
    if (i % 500 != 499) continue;
    last = world.registry.publish();
    publications += last != nullptr;
  }
  CHECK(publications == 20);
  CHECK(world.registry.counters().branches_copied <= 20 * kBranches);
  CHECK(world.registry.counters().services == kAgents);
  REQUIRE(last);
  CHECK(World::text(last->route("a0.s0.home", {})) == "s0.home: a0");
  CHECK(World::text(last->route("a9999.s9999.home", {})) == "s9999.home: a9999");
}

TEST_CASE("one change among many names copies only the branches above its names") {
  World world;
  const auto agents = enter_all(world);
  for (std::size_t i = 0; i < kAgents; ++i) {
    REQUIRE(world.add(agents[i], {.label = "s" + std::to_string(i)}) == "ok");
  }
  const auto before = world.registry.publish();
  const auto copied = world.registry.counters().branches_copied;
  REQUIRE(world.add(agents[5], {.claim = 2, .label = "new"}) == "ok");
  CHECK(world.registry.publish() != nullptr);
  CHECK(world.registry.counters().branches_copied - copied <= 2 * kLevels);  // new.home and a5.new.home
  CHECK(world.registry.publish() == nullptr);
  CHECK(World::text(before->route("new.home", {})) == "unknown_name");
}

TEST_CASE("many agents of one service and host") {
  World world;
  const auto agents = enter_all(world, 2'000);
  for (const auto& agent : agents) REQUIRE(world.add(agent, {.label = "web", .host = "web.svc"}) == "ok");
  CHECK(world.snapshot().route("web.svc", {}).candidates().size() == agents.size());
  for (const auto& agent : agents) REQUIRE(world.registry.close_session(*agent, at(0s)));
  CHECK(world.route("web.svc") == "no_endpoint");
  world.registry.expire(at(kRememberName));
  CHECK(world.route("web.svc") == "unknown_name");
}

}  // namespace
}  // namespace fairlead::rendezvous
