#include "common/net/poller.h"

#include <memory>

#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

struct Target final : PollTarget {
  void on_ready(Readiness ready) override {
    ++calls;
    last = ready;
    if (then) then();
  }
  int calls = 0;
  Readiness last;
  std::function<void()> then;
};

TEST_CASE("a target hears of each edge once, and of nothing between") {
  Worker worker;
  SocketPair pair = tcp_pair();
  Target target;
  const PolledFd polled(worker.poller, std::move(pair.near), target);
  worker.settle();
  const int at_first = target.calls;
  CHECK(target.last.writable);
  CHECK_FALSE(target.last.readable);
  REQUIRE(::send(pair.far.get(), "a", 1, 0) == 1);
  worker.settle();
  CHECK(target.calls == at_first + 1);
  CHECK(target.last.readable);
  worker.settle();
  CHECK(target.calls == at_first + 1);  // although the byte was not read
  REQUIRE(::send(pair.far.get(), "b", 1, 0) == 1);
  worker.settle();
  CHECK(target.calls == at_first + 2);
}

TEST_CASE("an end is readable, a reset is readable and hung up") {
  Worker worker;
  SocketPair ends = tcp_pair();
  SocketPair resets = tcp_pair();
  Target end;
  Target reset;
  const PolledFd first(worker.poller, std::move(ends.near), end);
  const PolledFd second(worker.poller, std::move(resets.near), reset);
  shut_down_writing(ends.far.get());
  reset_on_close(resets.far.get());
  resets.far.reset();
  worker.settle();
  CHECK(end.last.readable);
  CHECK_FALSE(end.last.hung_up);
  CHECK(reset.last.readable);
  CHECK(reset.last.hung_up);
}

TEST_CASE("run_again calls once more, once, though nothing happened") {
  Worker worker;
  SocketPair pair = tcp_pair();
  Target target;
  PolledFd polled(worker.poller, std::move(pair.near), target);
  worker.settle();
  const int before = target.calls;
  polled.run_again();
  polled.run_again();
  CHECK(target.calls == before);
  worker.settle();
  CHECK(target.calls == before + 1);
  CHECK(target.last.readable);
  CHECK(target.last.writable);
}

TEST_CASE("a target that always runs again does not keep the others waiting") {
  Worker worker;
  SocketPair pair = tcp_pair();
  SocketPair quiet = tcp_pair();
  Target busy;
  Target other;
  PolledFd polled(worker.poller, std::move(pair.near), busy);
  const PolledFd waiting(worker.poller, std::move(quiet.near), other);
  busy.then = [&] { polled.run_again(); };
  worker.settle();
  REQUIRE(::send(quiet.far.get(), "a", 1, 0) == 1);
  other.calls = 0;
  CHECK(worker.until([&] { return other.calls == 1; }));
  CHECK(busy.calls > 5);
}

TEST_CASE("whoever is closed by another one in the same turn is not called") {
  Worker worker;
  SocketPair pairs[2] = {tcp_pair(), tcp_pair()};
  Target targets[2];
  PolledFd polled[2] = {PolledFd(worker.poller, std::move(pairs[0].near), targets[0]),
                        PolledFd(worker.poller, std::move(pairs[1].near), targets[1])};
  worker.settle();
  for (int i = 0; i < 2; ++i) {
    targets[i].calls = 0;
    targets[i].then = [&polled, i] { polled[1 - i].reset(); };
    REQUIRE(::send(pairs[i].far.get(), "a", 1, 0) == 1);
  }
  worker.settle();
  CHECK(targets[0].calls + targets[1].calls == 1);
}

TEST_CASE("a slot that was given away in the same turn gets no event of its former user") {
  Worker worker;
  SocketPair pairs[2] = {tcp_pair(), tcp_pair()};
  SocketPair fresh = tcp_pair();
  Target targets[2];
  Target newcomer;
  PolledFd polled[2] = {PolledFd(worker.poller, std::move(pairs[0].near), targets[0]),
                        PolledFd(worker.poller, std::move(pairs[1].near), targets[1])};
  PolledFd taken;
  worker.settle();
  for (int i = 0; i < 2; ++i) {
    targets[i].then = [&, i] {
      polled[1 - i].reset();
      taken = PolledFd(worker.poller, std::move(fresh.near), newcomer);
    };
    REQUIRE(::send(pairs[i].far.get(), "a", 1, 0) == 1);
  }
  worker.settle();
  CHECK(newcomer.calls <= 1);
  CHECK_FALSE(newcomer.last.readable);
}

TEST_CASE("a closed one that had asked to run again is not called") {
  Worker worker;
  SocketPair pair = tcp_pair();
  Target target;
  PolledFd polled(worker.poller, std::move(pair.near), target);
  worker.settle();
  const int before = target.calls;
  polled.run_again();
  polled.reset();
  worker.settle();
  CHECK(target.calls == before);
}

TEST_CASE("a new user of a slot can run again although the former one had asked to") {
  Worker worker;
  SocketPair pairs[2] = {tcp_pair(), tcp_pair()};
  Target first;
  Target second;
  PolledFd former(worker.poller, std::move(pairs[0].near), first);
  worker.settle();
  former.run_again();
  former.reset();
  PolledFd latter(worker.poller, std::move(pairs[1].near), second);
  latter.run_again();
  first.calls = 0;
  worker.settle();
  CHECK(first.calls == 0);
  CHECK(second.calls >= 2);  // its first edge, and the call it asked for
}

TEST_CASE("another target takes over, a released descriptor is silent and usable") {
  Worker worker;
  SocketPair pair = tcp_pair();
  Target first;
  Target second;
  PolledFd polled(worker.poller, std::move(pair.near), first);
  worker.settle();
  polled.retarget(second);
  first.calls = 0;
  REQUIRE(::send(pair.far.get(), "a", 1, 0) == 1);
  worker.settle();
  CHECK(first.calls == 0);
  CHECK(second.calls == 1);
  const Fd fd = polled.release();
  CHECK_FALSE(polled.valid());
  REQUIRE(::send(pair.far.get(), "b", 1, 0) == 1);
  worker.settle();
  CHECK(second.calls == 1);
  CHECK(as_text(read_now(fd.get())) == "ab");
}

TEST_CASE("moving a descriptor's owner moves nothing else") {
  Worker worker;
  SocketPair pair = tcp_pair();
  Target target;
  PolledFd first(worker.poller, std::move(pair.near), target);
  PolledFd second = std::move(first);
  PolledFd third;
  third = std::move(second);
  worker.settle();
  target.calls = 0;
  third.run_again();
  worker.settle();
  CHECK(target.calls == 1);
  CHECK(third.valid());
  CHECK_FALSE(first.valid());
}

TEST_CASE("more events than one turn takes are all told") {
  raise_open_files();
  Worker worker;
  std::vector<SocketPair> pairs;
  std::vector<std::unique_ptr<Target>> targets;
  std::vector<PolledFd> polled;
  for (int i = 0; i < 700; ++i) {
    pairs.push_back(unix_pair());
    targets.push_back(std::make_unique<Target>());
    polled.emplace_back(worker.poller, std::move(pairs.back().near), *targets.back());
  }
  worker.settle();
  for (const SocketPair& pair : pairs) REQUIRE(::send(pair.far.get(), "a", 1, 0) == 1);
  CHECK(worker.until([&] {
    return std::all_of(targets.begin(), targets.end(), [](const auto& target) { return target->last.readable; });
  }));
}

}  // namespace
}  // namespace fairlead::net
