#include "rendezvous/relay/channel_request.h"

#include "tests/common/net/rig.h"
#include "tests/rendezvous/relay/toy_carrier.h"

namespace fairlead::rendezvous {
namespace {

struct Idle final : net::PollTarget {
  void on_ready(net::Readiness /*ready*/) override {}
};

// A request on a socketpair, and all that its owner heard of it.
struct Fixture final : ChannelRequestOwner {
  explicit Fixture(std::size_t hello_size = 5) {
    auto pair = net::test::unix_pair();
    far = std::move(pair.far);
    request.emplace(*this, carrier, ClaimedChannel{net::PolledFd(loop.poller, std::move(pair.near), idle), 9},
                    wire::ChannelHeader{.service = "web.home"}, Bytes(hello_size, 'H'));
  }
  void on_answer(const wire::ChannelAnswer& answer, Bytes from_service) override {
    heard += answer.verdict == wire::Verdict::accepted ? "accepted:" : answer.code + ":";
    heard.append(from_service.begin(), from_service.end());
    channel = request->take_channel();
    request.reset();
  }
  void on_unbelievable_answer(Reason reason) override {
    heard += reason_code(reason);
    request.reset();
  }
  void on_channel_dead() override {
    heard += "dead";
    request.reset();
  }
  void say(std::string_view text) {
    REQUIRE(net::write_some(far.get(), {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}).has_value());
  }
  bool until_heard() {
    return loop.until([this] { return !heard.empty(); });
  }

  net::test::Worker loop;
  ToyCarrier carrier;
  Idle idle;
  net::Fd far;
  std::string heard;
  net::PolledFd channel;
  std::optional<ChannelRequest> request;
};

TEST_CASE("header and hello leave in one piece, the answer frees the channel") {
  Fixture f;
  f.request->start();
  const Bytes got = net::test::read_now(f.far.get());
  CHECK(std::string(got.begin(), got.end()) == "toy 9:HHHHH");
  f.say("+rest");
  REQUIRE(f.until_heard());
  CHECK(f.heard == "accepted:rest");
  CHECK(f.channel.valid());
}

TEST_CASE("an answer may come in pieces") {
  Fixture f;
  f.request->start();
  f.say("-target_");
  f.loop.settle();
  CHECK(f.heard.empty());
  f.say("timeout;");
  REQUIRE(f.until_heard());
  CHECK(f.heard == "target_timeout:");
}

TEST_CASE("a hello beyond the socket's buffer goes out as the other side reads") {
  constexpr std::size_t kLarge = 1024 * 1024;
  Fixture f(kLarge);
  f.request->start();
  std::size_t got = 0;
  REQUIRE(f.loop.until([&] {
    got += net::test::read_now(f.far.get()).size();
    return got >= kLarge + 6;
  }));
  CHECK(got == kLarge + 6);
  f.say("+");
  REQUIRE(f.until_heard());
  CHECK(f.heard == "accepted:");
}

TEST_CASE("what is no answer is not believed") {
  Fixture f;
  f.request->start();
  f.say("HTTP/1.1 200 OK");
  REQUIRE(f.until_heard());
  CHECK(f.heard == "answer_malformed");
}

TEST_CASE("a channel that ends, before or after the header, is told once and not from within start") {
  Fixture f;
  SUBCASE("before") {
    f.far.reset();
    f.request->start();
    CHECK(f.heard.empty());
  }
  SUBCASE("after") {
    f.request->start();
    f.far.reset();
  }
  SUBCASE("within an answer") {
    f.request->start();
    f.say("-half");
    f.far.reset();
  }
  REQUIRE(f.until_heard());
  f.loop.settle();
  CHECK(f.heard == "dead");
}

}  // namespace
}  // namespace fairlead::rendezvous
