#include "common/net/farewell.h"

#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

const Bytes kWords{'b', 'y', 'e'};

bool done(Worker& worker) {
  return worker.until([&] { return worker.farewells.active() == 0; });
}

TEST_CASE("the last words and an orderly end arrive although input was never read") {
  for (const Transport transport : {Transport::tcp, Transport::local}) {
    Worker worker;
    SocketPair pair = make_pair_of(transport);
    REQUIRE(::send(pair.far.get(), kWords.data(), 3, 0) == 3);
    worker.farewells.say(std::move(pair.near), kWords);
    CHECK(worker.farewells.active() == 1);
    CHECK(read_now(pair.far.get()) == kWords);
    CHECK(read_outcome(pair.far.get()) == 0);
    REQUIRE(::send(pair.far.get(), kWords.data(), 3, 0) == 3);  // still not a reset
    worker.settle();
    CHECK(worker.farewells.active() == 1);
    pair.far.reset();
    CHECK(done(worker));
  }
}

TEST_CASE("a descriptor that is already polled can say farewell") {
  Worker worker;
  SocketPair pair = tcp_pair();
  struct Fails final : PollTarget {
    void on_ready(Readiness) override { FAIL("the former target was called"); }
  } former;
  PolledFd polled(worker.poller, std::move(pair.near), former);
  worker.farewells.say(std::move(polled), kWords);
  REQUIRE(::send(pair.far.get(), "x", 1, 0) == 1);
  worker.settle();
  CHECK(read_now(pair.far.get()) == kWords);
  pair.far.reset();
  CHECK(done(worker));
}

TEST_CASE("who never closes is left after a second") {
  Worker worker;
  SocketPair pair = tcp_pair();
  const TimePoint before = monotonic_now();
  worker.farewells.say(std::move(pair.near), kWords);
  CHECK(done(worker));
  const Duration took = monotonic_now() - before;
  CHECK(took > kFarewellTime - 100ms);
  CHECK(took < kFarewellTime + 3s);
}

TEST_CASE("who goes on sending is left after 64 KiB") {
  Worker worker;
  SocketPair pair = tcp_pair();
  worker.farewells.say(std::move(pair.near), kWords);
  const Bytes chunk(1024, 'x');
  std::size_t sent = 0;
  CHECK(worker.until(
      [&] {
        if (sent < 2 * kFarewellBytes && ::send(pair.far.get(), chunk.data(), chunk.size(), MSG_NOSIGNAL) > 0) {
          sent += chunk.size();
        }
        return worker.farewells.active() == 0;
      },
      kFarewellTime - 200ms));
  CHECK(sent >= kFarewellBytes);
}

TEST_CASE("words longer than the socket takes are said in pieces") {
  Worker worker;
  SocketPair pair = unix_pair();
  const Bytes speech(1'000'000, 's');
  worker.farewells.say(std::move(pair.near), speech);
  std::size_t heard = 0;
  CHECK(worker.until([&] { return (heard += read_now(pair.far.get()).size()) == speech.size(); }));
  CHECK(read_outcome(pair.far.get()) == 0);
  pair.far.reset();
  CHECK(done(worker));
}

TEST_CASE("who has ended its stream still hears every word") {
  Worker worker;
  SocketPair pair = unix_pair();
  shut_down_writing(pair.far.get());
  const Bytes speech(1'000'000, 's');
  worker.farewells.say(std::move(pair.near), speech);
  std::size_t heard = 0;
  CHECK(worker.until([&] { return (heard += read_now(pair.far.get()).size()) == speech.size(); }));
  CHECK(worker.until([&] { return read_outcome(pair.far.get()) == 0; }));
  CHECK(done(worker));
}

TEST_CASE("nothing to say, nobody to say it to") {
  Worker worker;
  SocketPair pair = tcp_pair();
  worker.farewells.say(std::move(pair.near), {});
  worker.farewells.say(Fd(), kWords);
  worker.farewells.say(PolledFd(), kWords);
  CHECK(worker.farewells.active() == 0);
  CHECK(read_outcome(pair.far.get()) == 0);
  pair = tcp_pair();
  reset_on_close(pair.far.get());
  pair.far.reset();
  worker.farewells.say(std::move(pair.near), kWords);
  CHECK(done(worker));
}

TEST_CASE("a descriptor that is polled is not closed without a word either") {
  Worker worker;
  Farewells farewells(worker.poller, 0);
  struct Ignores final : PollTarget {
    void on_ready(Readiness) override {}
  } former;
  SocketPair pair = tcp_pair();
  farewells.say(PolledFd(worker.poller, std::move(pair.near), former), kWords);
  CHECK(farewells.active() == 0);
  CHECK(read_now(pair.far.get()) == kWords);
  CHECK(read_outcome(pair.far.get()) == 0);
}

TEST_CASE("beyond the limit the words are said and the close does not wait") {
  raise_open_files();
  Worker worker;
  std::vector<Fd> peers;
  for (std::size_t i = 0; i < kMaxFarewells; ++i) {
    SocketPair pair = unix_pair();
    worker.farewells.say(std::move(pair.near), kWords);
    peers.push_back(std::move(pair.far));
  }
  CHECK(worker.farewells.active() == kMaxFarewells);
  SocketPair extra = unix_pair();
  worker.farewells.say(std::move(extra.near), kWords);
  CHECK(worker.farewells.active() == kMaxFarewells);
  CHECK(read_now(extra.far.get()) == kWords);
  CHECK(read_outcome(extra.far.get()) == 0);
  while (!peers.empty()) {  // from either end of the list
    peers.erase(peers.size() % 2 == 0 ? peers.begin() : peers.end() - 1);
  }
  CHECK(done(worker));
}

}  // namespace
}  // namespace fairlead::net
