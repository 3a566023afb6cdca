#include "rendezvous/relay/ready_channel.h"

#include "tests/common/net/rig.h"

namespace fairlead::rendezvous {
namespace {

constexpr Duration kLong = 1h;

// Who held the connection before: it must hear of nothing any more.
struct Former final : net::PollTarget {
  void on_ready(net::Readiness /*ready*/) override { ++calls; }
  int calls = 0;
};

struct Rig final : ReadyChannelOwner {
  explicit Rig(net::test::SocketPair of = net::test::tcp_pair()) : pair(std::move(of)) {
    fd = net::PolledFd(worker.poller, std::move(pair.near), former);
    worker.settle();
    former.calls = 0;
  }
  void wait(Duration age_limit = kLong) {
    channel = std::make_unique<ReadyChannel>(*this, worker.poller, std::move(fd), session, 7, age_limit);
    channel->number = 5;
  }
  void on_channel_ended(ReadyChannel& ended, Reason reason) override {
    CHECK(&ended == channel.get());
    CHECK_FALSE(outcome);
    outcome = reason;
    worker.loop.retire(std::move(channel));
  }
  bool ends() {
    return worker.until([this] { return outcome.has_value(); });
  }
  void send(ByteView bytes) { REQUIRE(net::write_some(pair.far.get(), bytes).value() == bytes.size()); }

  net::test::Worker worker;
  Former former;
  net::test::SocketPair pair;
  net::PolledFd fd;
  std::shared_ptr<AgentCarrier> session = std::make_shared<AgentCarrier>(
      AgentCarrier::Description{.id = {1}, .key = {2}, .pool = {1, 4}, .relays_max = 2}, TimePoint{}, [] {}, [] {});
  std::optional<Reason> outcome;
  std::unique_ptr<ReadyChannel> channel;
};

const Bytes kWord{1};

TEST_CASE("a silent channel waits, and knows whose it is") {
  Rig rig;
  rig.wait();
  rig.worker.settle();
  CHECK_FALSE(rig.outcome);
  CHECK(&rig.channel->session() == rig.session.get());
  CHECK(rig.channel->shared_session() == rig.session);
  CHECK(rig.channel->ticket_counter() == 7);
  CHECK(rig.former.calls == 0);
}

TEST_CASE("whatever comes on it means that it is dead, and it is told once") {
  Rig rig;
  rig.wait();
  SUBCASE("bytes") {
    rig.send(kWord);
  }
  SUBCASE("the end of the stream") {
    net::shut_down_writing(rig.pair.far.get());
  }
  SUBCASE("a reset") {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(rig.pair.far.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    rig.pair.far.reset();
  }
  CHECK(rig.ends());
  CHECK(rig.outcome == Reason::channel_died);
  rig.worker.settle();
  CHECK_FALSE(rig.channel);
}

TEST_CASE("what came behind the ticket, before the channel was ready, counts as well") {
  Rig rig;
  rig.send(kWord);
  rig.worker.settle();  // its event goes to who had it before
  CHECK(rig.former.calls > 0);
  rig.wait();
  CHECK(rig.ends());
  CHECK(rig.outcome == Reason::channel_died);
}

TEST_CASE("one that grew old is retired, and not before") {
  Rig rig;
  rig.wait(30ms);
  const TimePoint begin = rig.worker.loop.now();
  CHECK(rig.ends());
  CHECK(rig.outcome == Reason::channel_retired);
  CHECK(rig.worker.loop.now() - begin >= 30ms);
}

TEST_CASE("taken: the connection is the taker's with all that comes, and its age ends nothing any more") {
  Rig rig;
  rig.wait(20ms);
  Former taker;
  net::PolledFd taken = rig.channel->take_fd();
  taken.retarget(taker);
  rig.send(kWord);
  const TimePoint begin = rig.worker.loop.now();
  CHECK(rig.worker.until([&] { return taker.calls > 0 && rig.worker.loop.now() - begin > 40ms; }));
  CHECK_FALSE(rig.outcome);
  CHECK(net::test::read_now(taken.get()) == kWord);
}

TEST_CASE("its place is held until it is gone") {
  Gauge places(1);
  Rig rig;
  rig.wait();
  rig.channel->hold(std::move(*places.take()));
  CHECK_FALSE(places.take());
  rig.send(kWord);
  CHECK(rig.ends());
  rig.worker.settle();  // deleted after the callback
  CHECK(places.used() == 0);
}

TEST_CASE("the kernel asks after a peer that went without a word") {
  Rig rig;
  rig.wait();
  int on = 0;
  socklen_t size = sizeof on;
  const net::PolledFd taken = rig.channel->take_fd();
  REQUIRE(::getsockopt(taken.get(), SOL_SOCKET, SO_KEEPALIVE, &on, &size) == 0);
  CHECK(on != 0);
}

}  // namespace
}  // namespace fairlead::rendezvous
