#include <atomic>
#include <thread>

#include "rendezvous/registry/routing.h"
#include "tests/support/doctest.h"
#include "world.h"

namespace fairlead::rendezvous {
namespace {

TEST_CASE("a reader keeps its snapshot until the next publication") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  REQUIRE(world.add(nas1, {.label = "web"}) == "ok");
  SnapshotCell cell(world.registry.publish());
  SnapshotReader reader(cell);
  const Snapshot* first = &reader.current();
  CHECK(&reader.current() == first);
  CHECK(World::text(first->route("web.home", {})) == "web.home: nas1");

  world.registry.close_session(*nas1, at(0s));
  cell.publish(world.registry.publish());
  CHECK(World::text(reader.current().route("web.home", {})) == "no_endpoint");
  CHECK(&reader.current() == &reader.current());
}

// Each publication adds one endpoint, so what a reader sees may only grow, and at last must be all.
TEST_CASE("readers on other threads see every publication in order") {
  constexpr std::size_t kRounds = 300;
  World world;
  std::vector<std::shared_ptr<Carrier>> agents;
  for (std::size_t i = 0; i < kRounds; ++i) agents.push_back(world.enter("home", "a" + std::to_string(i)));
  SnapshotCell cell(std::make_shared<const Snapshot>(route::NameTable(), std::make_shared<const OwnNames>()));
  std::atomic<bool> shrank = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&cell, &shrank] {
      SnapshotReader reader(cell);
      std::size_t seen = 0;
      while (seen < kRounds) {
        const std::size_t now = reader.current().route("web.home", {}).candidates().size();
        if (now < seen) {
          shrank = true;
          return;
        }
        seen = now;
        std::this_thread::yield();
      }
    });
  }
  for (const auto& agent : agents) {
    CHECK(world.add(agent, {.label = "web"}) == "ok");
    cell.publish(world.registry.publish());
  }
  for (std::thread& reader : readers) reader.join();
  CHECK_FALSE(shrank);
}

}  // namespace
}  // namespace fairlead::rendezvous
