#include "common/core/agent_session.h"

#include "tests/common/core/session_pair.h"

namespace fairlead::core {
namespace {

using namespace agent_event;
using test::expect;
using test::expect_silence;
using test::SessionPair;
using test::some_hello;
using test::some_welcome;
using test::take_messages;
using test::written;

const TimePoint kStart{1h};

// A session that a raw peer talks to: what a broken or hostile rendezvous may send.
struct RawServer {
  AgentSession agent{some_hello(), kStart};

  RawServer() { take_messages(agent); }
  void say(const wire::ControlMessage& message, TimePoint now = kStart) { agent.receive(written(message), now); }
  void welcome() {
    say(some_welcome());
    expect<Welcomed>(agent);
    take_messages(agent);
  }
  void check_failed(Reason reason) {
    CHECK(expect<Failed>(agent).reason == reason);
    const auto said = take_messages(agent);
    REQUIRE(!said.empty());
    CHECK(std::get<wire::Refused>(said.back()).code == reason_code(reason));
    CHECK(agent.finished());
    CHECK_FALSE(agent.deadline());
    say(wire::OpenChannels{1});
    say(some_welcome());
    expect_silence(agent);
    CHECK(agent.output().empty());
  }
};

wire::Register service(std::uint32_t claim) {
  return {claim, "web", "", 443, {}, {}};
}

TEST_CASE("the agent says hello at once, with the version it speaks") {
  wire::Hello hello = some_hello();
  hello.version = 0;
  AgentSession agent(hello, kStart);
  const auto said = take_messages(agent);
  REQUIRE(said.size() == 1);
  CHECK(std::get<wire::Hello>(said[0]) == some_hello());
}

TEST_CASE("nothing but welcome or refused comes first") {
  for (const wire::ControlMessage& first :
       {wire::ControlMessage(wire::Registered{}), wire::ControlMessage(wire::OpenChannels{1}),
        wire::ControlMessage(wire::PoolSize{1}), wire::ControlMessage(wire::Ping{1}),
        wire::ControlMessage(wire::Pong{1}), wire::ControlMessage(wire::Drain{1}), wire::ControlMessage(some_hello()),
        wire::ControlMessage(wire::Refused{1, "internal", 0, ""})}) {
    RawServer server;
    server.say(first);
    server.check_failed(Reason::protocol_error);
  }
}

TEST_CASE("what only an agent says, and a second welcome, end the session") {
  for (const wire::ControlMessage& wrong :
       {wire::ControlMessage(some_hello()), wire::ControlMessage(some_welcome()), wire::ControlMessage(service(1)),
        wire::ControlMessage(wire::Unregister{1, ""})}) {
    RawServer server;
    server.welcome();
    server.say(wrong);
    server.check_failed(Reason::protocol_error);
  }
}

TEST_CASE("a version that the agent does not speak") {
  for (const int version : {wire::kOldestControlVersion - 1, wire::kControlVersion + 1}) {
    RawServer server;
    wire::Welcome welcome = some_welcome();
    welcome.version = static_cast<std::uint16_t>(version);
    server.say(welcome);
    server.check_failed(Reason::version_unsupported);
  }
}

TEST_CASE("a welcome must come in time") {
  RawServer server;
  CHECK(server.agent.deadline() == kStart + kWelcomeTimeout);
  server.agent.on_time(kStart + kWelcomeTimeout);
  CHECK(expect<Failed>(server.agent).reason == Reason::welcome_timeout);
  CHECK(server.agent.finished());
}

TEST_CASE("a refused session, before and after the welcome") {
  RawServer before;
  before.say(wire::Refused{0, "policy_denied", 30, "no"});
  const auto refusal = expect<SessionRefused>(before.agent).refusal;
  CHECK(refusal.reason == Reason::policy_denied);
  CHECK(refusal.retry_after == 30s);
  CHECK(refusal.detail == "no");
  CHECK(before.agent.finished());

  RawServer after;
  after.welcome();
  after.say(wire::Refused{0, "a_code_of_tomorrow", 0xffffffff, ""});
  const auto later = expect<SessionRefused>(after.agent).refusal;
  CHECK_FALSE(later.reason);
  CHECK(later.code == "a_code_of_tomorrow");
  CHECK(later.retry_after == kMaxRetryAfter);
  CHECK(after.agent.finished());
  after.agent.register_service(service(1));  // late calls are harmless
  after.agent.drain(1s);
  after.agent.probe(kStart, kStart + 1s);
  CHECK(after.agent.output().empty());
}

TEST_CASE("answers for claims that were withdrawn are dropped") {
  RawServer server;
  server.welcome();
  server.agent.register_service(service(1));
  server.agent.register_service(service(2));
  server.agent.unregister(1, Reason::shutting_down);
  server.agent.unregister(1, Reason::shutting_down);
  CHECK(take_messages(server.agent).size() == 3);
  server.say(wire::Registered{1, "web.home", {}, {}, 1});
  server.say(wire::Refused{1, "name_taken", 0, ""});
  server.say(wire::Registered{9, "invented.home", {}, {}, 1});
  expect_silence(server.agent);
  server.say(wire::Registered{2, "web.home", {}, {"::/0"}, 1});
  CHECK(expect<ServiceRegistered>(server.agent).registered.sources.size() == 1);
  server.say(wire::Refused{2, "policy_denied", 9, "revoked"});
  CHECK(expect<ServiceRefused>(server.agent).refusal.reason == Reason::policy_denied);
}

TEST_CASE("what the server asks for reaches the agent") {
  RawServer server;
  server.welcome();
  server.say(wire::OpenChannels{3});
  CHECK(expect<OpenChannels>(server.agent).count == 3);
  server.say(wire::PoolSize{5});
  CHECK(expect<PoolSizeChanged>(server.agent).size == 5);
  server.say(wire::Drain{2000});
  CHECK(expect<Draining>(server.agent).within == 2s);
}

TEST_CASE("a server may not choose an absurd ping interval") {
  RawServer busy;
  wire::Welcome often = some_welcome();
  often.ping_interval_ms = 0;
  busy.say(often);
  CHECK(busy.agent.deadline() == kStart + kPingIntervalLeast);
  RawServer lazy;
  wire::Welcome never = some_welcome();
  never.ping_interval_ms = 0xffffffff;
  lazy.say(never);
  CHECK(lazy.agent.deadline() == kStart + kPingIntervalMost);
}

TEST_CASE("both sides together, at any chunking") {
  for (const std::size_t chunk : {1U, 2U, 5U, 7U, 64U, 65536U}) {
    CAPTURE(chunk);
    SessionPair pair;
    pair.exchange(chunk);
    CHECK(expect<server_event::HelloReceived>(pair.server).hello == some_hello());
    pair.server.welcome(some_welcome(), pair.now);
    pair.exchange(chunk);
    CHECK(expect<Welcomed>(pair.agent).welcome.address_seen == some_welcome().address_seen);
    pair.agent.register_service(service(1));
    pair.exchange(chunk);
    CHECK_FALSE(pair.agent.finished());
    CHECK_FALSE(pair.server.finished());
  }
}

TEST_CASE("an idle session lives on the server's pings alone") {
  SessionPair pair;
  pair.welcome();
  for (int i = 0; i < 60; ++i) {
    CHECK(pair.agent.deadline() > pair.now + kPingInterval);
    pair.pass(kPingInterval);
    CHECK(pair.agent.output().empty());
    pair.exchange();
    expect<server_event::RttMeasured>(pair.server);
  }
  expect_silence(pair.agent);
}

TEST_CASE("an agent that wants to know sooner than the server pings by itself") {
  SessionPair pair;
  pair.agent = AgentSession(some_hello(), pair.now, 10s);
  pair.welcome();
  for (int i = 0; i < 10; ++i) {
    CHECK(pair.agent.deadline() == pair.now + 10s);
    pair.pass(10s);
    CHECK_FALSE(pair.agent.output().empty());
    pair.exchange();
    expect<RttMeasured>(pair.agent);
  }
}

TEST_CASE("an older server, which answers pings and the agent leads") {
  RawServer server;
  server.welcome();
  TimePoint now = kStart;
  for (int i = 0; i < 20; ++i) {
    now = *server.agent.deadline();
    server.agent.on_time(now);
    for (const auto& each : take_messages(server.agent)) {
      if (const auto* ping = std::get_if<wire::Ping>(&each)) server.say(wire::Pong{ping->id}, now);
    }
  }
  CHECK(now >= kStart + 19 * kPingInterval);
  CHECK_FALSE(server.agent.finished());
}

// Until both sides have noticed; what only one direction carries arrives at once.
enum class Works { neither, to_agent, to_server };
Duration until_both_notice(Works works) {
  SessionPair pair;
  pair.welcome();
  const TimePoint cut = pair.now;
  const auto carry = [&](auto& from, auto& to, bool arrives) {
    const Bytes bytes(from.output().begin(), from.output().end());
    from.sent(bytes.size());
    if (arrives) to.receive(bytes, pair.now);
  };
  while (!(pair.agent.finished() && pair.server.finished()) && pair.now < cut + 10min) {
    pair.pass(1s);
    carry(pair.server, pair.agent, works == Works::to_agent);
    carry(pair.agent, pair.server, works == Works::to_server);
  }
  return pair.now - cut;
}

TEST_CASE("a path that is cut is noticed by both sides after two missed pings, also when one direction still works") {
  CHECK(until_both_notice(Works::neither) == 75s);
  CHECK(until_both_notice(Works::to_server) == 75s);
  // The agent hears the server's pings until the server has given up.
  const Duration most = kPingInterval * (kPingsMissed + 2) + kPingInterval / kFollowerGrace;
  CHECK(until_both_notice(Works::to_agent) <= most + 1s);
  CHECK(until_both_notice(Works::to_agent) > most - kPingInterval);
}

TEST_CASE("the agent's probe after a network change") {
  SessionPair pair;
  pair.welcome();
  pair.agent.probe(pair.now, pair.now + 3s);
  pair.now += 100ms;
  pair.exchange();
  CHECK(expect<RttMeasured>(pair.agent).rtt == 100ms);
  expect<ProbeAnswered>(pair.agent);

  pair.agent.probe(pair.now, pair.now + 3s);
  pair.agent.probe(pair.now, pair.now + 30s);  // joins the first: the earlier deadline counts
  pair.pass(3s);
  CHECK(expect<Failed>(pair.agent).reason == Reason::ping_timeout);
}

TEST_CASE("drain and probe before the welcome do nothing") {
  RawServer server;
  server.agent.drain(1s);
  server.agent.probe(kStart, kStart + 1s);
  server.agent.unregister(1, Reason::shutting_down);
  CHECK(server.agent.output().empty());
}

TEST_CASE("a server that does not read is failed") {
  RawServer server;
  server.welcome();
  for (int i = 0; i < 100'000 && !server.agent.finished(); ++i) server.say(wire::Ping{1});
  CHECK(expect<Failed>(server.agent).reason == Reason::not_reading);
}

TEST_CASE("candidates are offered, judged and withdrawn") {
  RawServer server;
  server.agent.offer({1, {}, "pcp"});  // before the welcome: nothing
  CHECK(take_messages(server.agent).empty());
  server.welcome();
  server.agent.offer({1, {}, "pcp"});
  CHECK(take_messages(server.agent).size() == 1);
  server.say(wire::VerifyNonce{1, {9}});
  CHECK(expect<NonceToProve>(server.agent).nonce.nonce[0] == 9);
  server.say(wire::Verified{1, ""});
  CHECK(expect<CandidateJudged>(server.agent).code.empty());
  server.say(wire::Verified{2, ""});  // never offered
  server.say(wire::VerifyNonce{2, {}});
  expect_silence(server.agent);
  server.agent.withdraw(1, Reason::network_changed);
  CHECK(std::get<wire::CandidateWithdrawn>(take_messages(server.agent).at(0)).candidate == 1);
  server.agent.withdraw(1, Reason::network_changed);
  CHECK(take_messages(server.agent).empty());
  server.say(wire::Verified{1, "verify_failed"});  // crossed on the way
  expect_silence(server.agent);
}

TEST_CASE("a renewal is asked for where it will be answered, and again if it was not") {
  RawServer old;
  wire::Welcome without = some_welcome();
  without.features = 0;
  old.say(without);
  expect<Welcomed>(old.agent);
  take_messages(old.agent);
  CHECK_FALSE(old.agent.may_renew());
  old.agent.renew({1});
  CHECK(take_messages(old.agent).empty());

  RawServer server;
  server.agent.renew({1});  // before the welcome: nothing
  CHECK(take_messages(server.agent).empty());
  server.welcome();
  CHECK(server.agent.may_renew());
  server.say(wire::Renewed{"", 0, {{1}}, {{2}}});  // nobody asked
  expect_silence(server.agent);
  server.agent.renew({1});
  server.agent.renew({2});  // nobody answered
  const auto said = take_messages(server.agent);
  REQUIRE(said.size() == 2);
  CHECK(std::get<wire::Renew>(said[0]).csr == Bytes{1});
  CHECK(std::get<wire::Renew>(said[1]).csr == Bytes{2});
  server.say(wire::Renewed{"", 0, {{1}}, {{2}}});
  CHECK(expect<Renewed>(server.agent).answer.chain == std::vector<Bytes>{{1}});
  server.say(wire::Renewed{"join_busy", 60, {}, {}});  // to the second one: it has its answer
  expect_silence(server.agent);
  server.agent.renew({3});
  CHECK(take_messages(server.agent).size() == 1);
}

TEST_CASE("no more candidates are offered than the server keeps") {
  RawServer server;
  server.welcome();
  for (std::uint32_t i = 1; i <= kMaxCandidates + 3; ++i) server.agent.offer({i, {}, "pcp"});
  CHECK(take_messages(server.agent).size() == kMaxCandidates);
}

}  // namespace
}  // namespace fairlead::core
