#include "rendezvous/admin/relay_gather.h"

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

// Workers that answer when the test says so.
struct Rig {
  net::Loop loop;
  std::vector<std::function<void(RelayGather::Rows)>> tell;
  std::vector<Listing<RelaySummary>> done;
  std::unique_ptr<RelayGather> gather;

  void start(std::size_t workers, std::size_t limit, Duration patience) {
    gather = std::make_unique<RelayGather>(loop, limit, [this](Listing<RelaySummary> all) {
      done.push_back(std::move(all));
      gather.reset();
    });
    std::vector<RelayGather::Ask> asks(workers, [this](auto answer) { tell.push_back(std::move(answer)); });
    gather->start(asks, patience);
  }
  void glance() { loop.turn(net::Loop::Turn::glance); }
};

TEST_CASE("all workers are asked at once, and the answer is given when the last one came") {
  Rig rig;
  rig.start(2, 3, 1h);
  REQUIRE(rig.tell.size() == 2);
  rig.tell[1]({{{.conn = "c"}, {.conn = "d"}}, 7});  // more than it was asked for
  rig.glance();
  CHECK(rig.done.empty());
  rig.tell[0]({{{.conn = "a"}, {.conn = "b"}}, 2});
  rig.glance();
  REQUIRE(rig.done.size() == 1);
  CHECK(rig.done[0].rows.size() == 3);
  CHECK(rig.done[0].matched == 9);
}

TEST_CASE("a worker that does not answer in time is left out, and may answer to nobody") {
  Rig rig;
  rig.start(2, 100, 1ms);
  rig.tell[0]({{{.conn = "a"}}, 1});
  while (rig.done.empty()) rig.loop.turn(net::Loop::Turn::sleep);
  CHECK(rig.done[0].rows.size() == 1);
  rig.tell[1]({{{.conn = "b"}}, 1});
  rig.glance();
  CHECK(rig.done.size() == 1);
}

TEST_CASE("without workers there is nothing to wait for") {
  Rig rig;
  rig.start(0, 100, 1h);
  CHECK(rig.done.size() == 1);
}

}  // namespace
}  // namespace fairlead::rendezvous
