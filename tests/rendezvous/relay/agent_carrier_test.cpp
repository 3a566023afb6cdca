#include "rendezvous/relay/agent_carrier.h"

#include <thread>

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

using Kind = ChannelClaim::Kind;

TimePoint at(Duration since_start) {
  return TimePoint(since_start);
}

struct Fixture {
  int demands = 0;
  int probes = 0;
  AgentCarrier session;
  explicit Fixture(core::PoolLimits pool = {1, 4})
      : session(
            {.id = {1}, .key = {2}, .pool = pool, .relays_max = 2}, at(0s), [this] { ++demands; },
            [this] { ++probes; }) {}
  // A channel that the agent was asked for and brought.
  Result<std::optional<WorkerItem>> bring(WorkerItem channel, TimePoint now = at(1s)) {
    session.take_ask(now);
    return session.add_ready(channel, now);
  }
};

wire::Signed<wire::Ticket> ticket_of(const Bytes& bytes) {
  const auto parsed = wire::parse_ticket(bytes);
  return std::get<wire::Done<wire::Signed<wire::Ticket>>>(parsed).value;
}

TEST_CASE("a ticket is good once, for its own session, while that lives") {
  Fixture fixture;
  const core::ChannelKeys agent({2}, {1});
  const Bytes ticket = agent.make_ticket(7);
  CHECK(fixture.session.admit_ticket(ticket_of(ticket)).has_value());
  CHECK(fixture.session.admit_ticket(ticket_of(ticket)).error().reason == Reason::ticket_replayed);
  const core::ChannelKeys stranger({3}, {1});
  CHECK(fixture.session.admit_ticket(ticket_of(stranger.make_ticket(8))).error().reason == Reason::ticket_forged);
  fixture.session.close();
  CHECK(fixture.session.admit_ticket(ticket_of(agent.make_ticket(9))).error().reason == Reason::session_ended);
}

TEST_CASE("a taker gets a channel of its own worker first, and nobody gets it twice") {
  Fixture fixture;
  REQUIRE(fixture.bring({0, 10}));
  REQUIRE(fixture.bring({1, 11}));
  auto claim = fixture.session.claim_or_wait({0, 1}, at(1s));
  CHECK(claim.kind == Kind::taken);
  CHECK(claim.channel == WorkerItem{0, 10});
  claim = fixture.session.claim_or_wait({0, 2}, at(1s));
  CHECK(claim.kind == Kind::taken);
  CHECK(claim.channel == WorkerItem{1, 11});
  CHECK(fixture.session.claim_or_wait({0, 3}, at(1s)).kind == Kind::waiting);
  CHECK_FALSE(fixture.session.remove_ready({0, 10}, at(1s)));
}

TEST_CASE("who waits longest is given the next channel") {
  Fixture fixture;
  CHECK(fixture.session.claim_or_wait({0, 1}, at(1s)).kind == Kind::waiting);
  CHECK(fixture.session.claim_or_wait({1, 2}, at(1s)).kind == Kind::waiting);
  CHECK(fixture.session.claim_or_wait({0, 3}, at(1s)).kind == Kind::waiting);
  fixture.session.stop_waiting({0, 1});
  CHECK(**fixture.bring({1, 10}) == WorkerItem{1, 2});
  CHECK(**fixture.bring({1, 11}) == WorkerItem{0, 3});
  CHECK_FALSE(fixture.bring({0, 12})->has_value());
  CHECK(fixture.session.load().channels_ready == 1);
}

TEST_CASE("who waits at the channel's worker is served first, but nobody is passed over for ever") {
  Fixture fixture({1, 64});
  fixture.session.claim_or_wait({1, 100}, at(1s));
  for (std::uint64_t i = 0; i < 20; ++i) fixture.session.claim_or_wait({0, i}, at(1s));
  for (std::uint64_t i = 0; i < 8; ++i) CHECK(**fixture.bring({0, 50 + i}) == WorkerItem{0, i});
  CHECK(**fixture.bring({0, 60}) == WorkerItem{1, 100});
  CHECK(**fixture.bring({1, 61}) == WorkerItem{0, 8});
}

TEST_CASE("a channel goes where it is waited for, else where few are ready") {
  Fixture fixture({1, 64});
  CHECK(fixture.session.home_of(0, 2) == 0);
  REQUIRE(fixture.bring({0, 1}));
  CHECK(fixture.session.home_of(0, 2) == 0);  // one more is not worth a move
  REQUIRE(fixture.bring({0, 2}));
  CHECK(fixture.session.home_of(0, 2) == 1);
  CHECK(fixture.session.home_of(1, 2) == 1);
  CHECK(fixture.session.home_of(0, 1) == 0);
  REQUIRE(fixture.bring({1, 3}));
  REQUIRE(fixture.bring({0, 4}));
  CHECK(fixture.session.home_of(0, 3) == 2);

  Fixture wanted({1, 64});
  wanted.session.claim_or_wait({1, 7}, at(1s));
  CHECK(wanted.session.home_of(0, 2) == 1);
  wanted.session.claim_or_wait({0, 8}, at(1s));
  CHECK(wanted.session.home_of(0, 2) == 0);
}

TEST_CASE("a burst of takers tells the control thread once until it looks") {
  Fixture fixture({1, 64});
  for (std::uint64_t i = 0; i < 5; ++i) fixture.session.claim_or_wait({0, i}, at(1s));
  CHECK(fixture.demands == 1);
  CHECK(fixture.session.take_ask(at(1s)) > 0);
  fixture.session.claim_or_wait({0, 9}, at(1s));
  CHECK(fixture.demands == 2);
}

TEST_CASE("takers who leave enough behind tell the first time and when it is worth an ask") {
  Fixture fixture({8, 8});
  REQUIRE(fixture.session.take_ask(at(1s)) == 8);
  for (std::uint64_t i = 0; i < 8; ++i) REQUIRE(fixture.session.add_ready({0, i}, at(1s)));
  fixture.session.claim_or_wait({0, 1}, at(1s));
  CHECK(fixture.demands == 1);
  CHECK(fixture.session.take_ask(at(1s)) == 0);
  CHECK(fixture.session.ask_deadline() == at(1s + core::kAskPause));
  fixture.session.claim_or_wait({0, 2}, at(1s));
  CHECK(fixture.demands == 2);
  CHECK(fixture.session.take_ask(at(1s)) == 2);
  fixture.session.claim_or_wait({0, 3}, at(1s));
  CHECK(fixture.demands == 3);
  CHECK(fixture.session.take_ask(at(1s)) == 0);
  CHECK(fixture.session.take_ask(at(1s + core::kAskPause)) == 1);
}

TEST_CASE("a channel that somebody takes leaves one missing, and that is told") {
  SUBCASE("where the pool holds one") {
    Fixture fixture({1, 1});
    fixture.session.claim_or_wait({0, 1}, at(1s));
    fixture.session.claim_or_wait({0, 2}, at(1s));
    REQUIRE(fixture.session.take_ask(at(1s)) == 1);
    fixture.demands = 0;
    CHECK(**fixture.session.add_ready({0, 10}, at(1s)) == WorkerItem{0, 1});
    CHECK(fixture.demands == 1);
    CHECK(fixture.session.take_ask(at(1s)) == 1);
  }
  SUBCASE("where many more come than wait") {
    Fixture fixture({1, 32});
    for (std::uint64_t i = 0; i < 9; ++i) fixture.session.claim_or_wait({0, i}, at(1s));
    REQUIRE(fixture.session.take_ask(at(1s)) == 9 + 16);
    fixture.demands = 0;
    for (std::uint64_t i = 0; i < 25; ++i) CHECK(fixture.session.add_ready({0, i}, at(1s))->has_value() == (i < 9));
    CHECK(fixture.demands == 0);
    CHECK(fixture.session.take_ask(at(1s)) == 0);
    fixture.session.claim_or_wait({0, 9}, at(1s));
    CHECK(fixture.demands == 1);
  }
}

TEST_CASE("a taker tells what was missing before it came") {
  Fixture fixture({8, 8});
  REQUIRE(fixture.session.take_ask(at(1s)) == 8);
  for (std::uint64_t i = 0; i < 4; ++i) REQUIRE(fixture.session.add_ready({0, i}, at(1s)));
  const TimePoint expired = at(1s) + core::kAskLifetime;
  fixture.session.claim_or_wait({0, 1}, expired);
  CHECK(fixture.demands == 1);
  CHECK(fixture.session.take_ask(expired) == 5);
}

TEST_CASE("an agent cannot fill the pool beyond its maximum") {
  Fixture fixture;
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(fixture.bring({0, i}));
  const auto refused = fixture.bring({0, 4});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == Reason::pool_full);
}

TEST_CASE("a channel that comes when it is not wanted any more is told of, so that one goes") {
  Fixture fixture;
  REQUIRE(fixture.bring({0, 1}, at(1s)));
  REQUIRE(fixture.demands == 0);
  REQUIRE(fixture.session.add_ready({0, 2}, at(2s)));
  CHECK(fixture.demands == 1);
  CHECK(fixture.session.take_surplus(at(2s)) == std::vector{WorkerItem{0, 1}});
}

TEST_CASE("ten idle minutes give the channels back") {
  Fixture fixture;
  REQUIRE(fixture.bring({0, 1}, at(1s)));
  CHECK(fixture.session.take_surplus(at(2s)).empty());
  CHECK(fixture.session.take_surplus(at(1s) + core::kPoolIdle) == std::vector{WorkerItem{0, 1}});
  CHECK(fixture.session.load().channels_ready == 0);
}

TEST_CASE("the end of a session hands back what it held, once") {
  Fixture fixture;
  fixture.session.claim_or_wait({1, 5}, at(1s));
  fixture.session.claim_or_wait({0, 6}, at(1s));
  REQUIRE(fixture.bring({1, 1}));  // for {1, 5}
  fixture.session.stop_waiting({0, 6});
  REQUIRE(fixture.bring({0, 2}));
  fixture.session.claim_or_wait({0, 7}, at(1s));
  fixture.session.claim_or_wait({0, 8}, at(1s));
  const auto left = fixture.session.close();
  CHECK(left.channels.empty());
  CHECK(left.waiters == std::vector{WorkerItem{0, 8}});
  CHECK(fixture.session.ended());
  CHECK(fixture.session.close().waiters.empty());
  CHECK(fixture.session.claim_or_wait({0, 9}, at(1s)).kind == Kind::ended);
  CHECK(fixture.bring({0, 3}).error().reason == Reason::session_ended);
  CHECK(fixture.session.take_ask(at(2s)) == 0);
}

TEST_CASE("takers on several threads never share a channel") {
  AgentCarrier session({.pool = {64, 64}, .relays_max = 1}, at(0s), [] {}, [] {});
  session.take_ask(at(1s));
  for (std::uint64_t i = 0; i < 64; ++i) REQUIRE(session.add_ready({static_cast<unsigned>(i % 2), i}, at(1s)));
  std::vector<std::vector<std::uint64_t>> taken(4);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 16; ++i) {
        const auto claim = session.claim_or_wait({t, i}, at(1s));
        if (claim.kind == Kind::taken) taken[t].push_back(claim.channel.number);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::uint64_t> all;
  for (const auto& each : taken) all.insert(all.end(), each.begin(), each.end());
  std::sort(all.begin(), all.end());
  CHECK(all.size() == 64);
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}

}  // namespace
}  // namespace fairlead::rendezvous
