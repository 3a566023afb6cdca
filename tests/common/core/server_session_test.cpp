#include "common/core/server_session.h"

#include "tests/common/core/session_pair.h"

namespace fairlead::core {
namespace {

using namespace server_event;
using test::expect;
using test::expect_silence;
using test::some_hello;
using test::some_welcome;
using test::take_messages;
using test::written;

const TimePoint kStart{1h};

// A session that a raw peer talks to: what a broken or hostile agent may send.
struct RawAgent {
  ServerSession server{kStart};

  void say(const wire::ControlMessage& message, TimePoint now = kStart) { server.receive(written(message), now); }
  void welcome() {
    say(some_hello());
    expect<HelloReceived>(server);
    server.welcome(some_welcome(), kStart);
    take_messages(server);
    say(wire::Pong{1});
    expect<RttMeasured>(server);
  }
  // The session failed with `reason`, told the agent so, and reads no more.
  void check_failed(Reason reason) {
    CHECK(expect<Failed>(server).reason == reason);
    CHECK_FALSE(server.finished());
    const auto said = take_messages(server);
    REQUIRE(!said.empty());
    REQUIRE(std::holds_alternative<wire::Refused>(said.back()));
    CHECK(std::get<wire::Refused>(said.back()).claim == 0);
    CHECK(std::get<wire::Refused>(said.back()).code == reason_code(reason));
    CHECK(server.finished());
    CHECK_FALSE(server.deadline());
    say(some_hello());
    say(wire::Ping{1});
    expect_silence(server);
    CHECK(server.output().empty());
  }
};

wire::Register service(std::uint32_t claim) {
  return {claim, "web", "", 443, {}, {}};
}

TEST_CASE("hello is the first message, and comes once") {
  for (const wire::ControlMessage& first :
       {wire::ControlMessage(wire::Ping{1}), wire::ControlMessage(wire::Pong{1}), wire::ControlMessage(service(1)),
        wire::ControlMessage(some_welcome()), wire::ControlMessage(wire::Drain{1}),
        wire::ControlMessage(wire::Refused{})}) {
    RawAgent agent;
    agent.say(first);
    agent.check_failed(Reason::protocol_error);
  }
  RawAgent unknown_first;
  unknown_first.server.receive(Bytes{0x7f, 0xff, 0, 0, 0, 0}, kStart);
  unknown_first.check_failed(Reason::protocol_error);

  RawAgent twice;
  twice.welcome();
  twice.say(some_hello());
  twice.check_failed(Reason::protocol_error);
}

TEST_CASE("before the welcome an agent is silent") {
  for (const wire::ControlMessage& early :
       {wire::ControlMessage(some_hello()), wire::ControlMessage(service(1)), wire::ControlMessage(wire::Ping{1}),
        wire::ControlMessage(wire::Drain{1})}) {
    RawAgent agent;
    agent.say(some_hello());
    expect<HelloReceived>(agent.server);
    agent.say(early);
    agent.check_failed(Reason::protocol_error);
    // The answer of a registry that did not know yet is ignored.
    agent.server.welcome(some_welcome(), kStart);
    agent.server.refuse_session(Reason::policy_denied, 0s, "");
    CHECK(agent.server.output().empty());
  }
}

TEST_CASE("what only a server says ends the session") {
  for (const wire::ControlMessage& wrong :
       {wire::ControlMessage(some_welcome()), wire::ControlMessage(wire::Registered{}),
        wire::ControlMessage(wire::OpenChannels{1}), wire::ControlMessage(wire::PoolSize{1}),
        wire::ControlMessage(wire::Refused{1, "internal", 0, ""})}) {
    RawAgent agent;
    agent.welcome();
    agent.say(wrong);
    agent.check_failed(Reason::protocol_error);
  }
}

TEST_CASE("a hello must come in time") {
  RawAgent agent;
  CHECK(agent.server.deadline() == kStart + kHelloTimeout);
  agent.server.on_time(kStart + kHelloTimeout - 1us);
  expect_silence(agent.server);
  agent.server.on_time(kStart + kHelloTimeout);
  agent.check_failed(Reason::hello_timeout);
}

TEST_CASE("an agent older than the oldest served version is told so") {
  RawAgent agent;
  wire::Hello old = some_hello();
  old.version = wire::kOldestControlVersion - 1;
  agent.say(old);
  agent.check_failed(Reason::version_unsupported);
}

TEST_CASE("version and features are what both sides have") {
  RawAgent agent;
  wire::Hello newer = some_hello();
  newer.version = 99;
  agent.say(newer);
  expect<HelloReceived>(agent.server);
  agent.server.welcome(some_welcome(), kStart);
  const auto welcome = std::get<wire::Welcome>(take_messages(agent.server).front());
  CHECK(welcome.version == wire::kControlVersion);
  CHECK(welcome.features == 0b010);
}

TEST_CASE("garbage ends the session") {
  for (const Bytes& garbage : {Bytes{0x16, 3, 1, 0, 5, 1, 0, 0}, Bytes{'G', 'E', 'T', ' ', '/', ' '},
                               Bytes{0xff, 0xff, 0, 0, 0, 0}, Bytes{0, 9, 0, 1, 0, 0}}) {
    RawAgent agent;
    agent.welcome();
    agent.server.receive(garbage, kStart);
    agent.check_failed(Reason::protocol_error);
  }
}

TEST_CASE("a refusal before the welcome is flushed, then the session is over") {
  RawAgent agent;
  agent.say(some_hello());
  expect<HelloReceived>(agent.server);
  agent.server.refuse_session(Reason::duplicate_identity, 60s, "another host");
  CHECK_FALSE(agent.server.finished());
  agent.say(wire::Ping{1});  // not read any more
  const auto said = take_messages(agent.server);
  REQUIRE(said.size() == 1);
  CHECK(std::get<wire::Refused>(said[0]) == wire::Refused{0, "duplicate_identity", 60, "another host"});
  CHECK(agent.server.finished());
  expect_silence(agent.server);
}

TEST_CASE("registrations reach the caller, answers reach the agent") {
  RawAgent agent;
  agent.welcome();
  agent.say(service(7));
  CHECK(expect<RegisterRequested>(agent.server).request == service(7));
  agent.server.registered({7, "web.home", {"rv:1"}, {"::/0"}, 2});
  CHECK(std::get<wire::Registered>(take_messages(agent.server).at(0)).service == "web.home");

  agent.say(service(8));
  expect<RegisterRequested>(agent.server);
  agent.server.refuse(8, Reason::name_taken, 5s, "taken");
  CHECK(std::get<wire::Refused>(take_messages(agent.server).at(0)) == wire::Refused{8, "name_taken", 5, "taken"});

  // A refused number is free again; a registered one can be revoked later.
  agent.say(service(8));
  expect<RegisterRequested>(agent.server);
  agent.server.refuse(7, Reason::policy_denied, 0s, "");
  CHECK(take_messages(agent.server).size() == 1);
}

TEST_CASE("a claim that the agent withdrew meanwhile is not answered") {
  RawAgent agent;
  agent.welcome();
  agent.say(service(1));
  expect<RegisterRequested>(agent.server);
  agent.say(wire::Unregister{1, "shutting_down"});
  const auto gone = expect<Unregistered>(agent.server);
  CHECK(gone.claim == 1);
  CHECK(gone.code == "shutting_down");
  agent.server.registered({1, "web.home", {}, {}, 0});
  agent.server.refuse(1, Reason::name_taken, 0s, "");
  CHECK(agent.server.output().empty());
  agent.say(wire::Unregister{1, "shutting_down"});  // crossed our refusal: nothing to withdraw
  expect_silence(agent.server);
  CHECK_FALSE(agent.server.finished());
}

TEST_CASE("a claim number is not 0") {
  RawAgent zero;
  zero.welcome();
  zero.say(service(0));
  zero.check_failed(Reason::protocol_error);
}

TEST_CASE("a claim that stands is replaced and counts once") {
  RawAgent agent;
  agent.welcome();
  for (int i = 0; i < 4; ++i) {
    agent.say(service(1));
    expect<RegisterRequested>(agent.server);
  }
  // Too fast: refused, and what stood is withdrawn, for the agent takes the claim for gone.
  agent.say(service(1));
  CHECK(expect<Unregistered>(agent.server).claim == 1);
  CHECK(std::get<wire::Refused>(take_messages(agent.server).at(0)).code == "register_rate");
  agent.server.registered({1, "web.home", {}, {}, 0});
  CHECK(agent.server.output().empty());
}

TEST_CASE("services_max and the pace of registrations are limits of the session") {
  RawAgent agent;
  agent.welcome();
  for (std::uint32_t claim = 1; claim <= 5; ++claim) agent.say(service(claim));
  for (int i = 0; i < 4; ++i) expect<RegisterRequested>(agent.server);
  CHECK(expect<ClaimRefused>(agent.server).reason == Reason::services_max);
  expect_silence(agent.server);
  const auto said = take_messages(agent.server);
  REQUIRE(said.size() == 1);
  CHECK(std::get<wire::Refused>(said[0]).claim == 5);
  CHECK(std::get<wire::Refused>(said[0]).code == "services_max");

  // Withdrawing and registering in a loop does not get around it.
  agent.say(wire::Unregister{1, ""});
  expect<Unregistered>(agent.server);
  agent.say(service(6));
  CHECK(expect<ClaimRefused>(agent.server).claim == 6);
  expect_silence(agent.server);
  CHECK(std::get<wire::Refused>(take_messages(agent.server).at(0)).code == "register_rate");
  agent.say(service(6), kStart + 1s);
  expect<RegisterRequested>(agent.server);
}

TEST_CASE("pings are answered and never counted as life") {
  RawAgent agent;
  agent.welcome();
  TimePoint now = kStart;
  while (!agent.server.finished() && now < kStart + 10min) {
    now += 1s;
    agent.say(wire::Ping{5}, now);
    agent.server.on_time(now);
    take_messages(agent.server);
  }
  // The last pong came at kStart: pings at 25 s and 50 s were missed.
  CHECK(now == kStart + 75s);
  CHECK(expect<Failed>(agent.server).reason == Reason::ping_timeout);
}

TEST_CASE("a probe has its own deadline") {
  RawAgent dead;
  dead.welcome();
  dead.server.probe(kStart, kStart + 2s);
  CHECK(dead.server.deadline() == kStart + 2s);
  CHECK(take_messages(dead.server).size() == 1);
  dead.say(wire::Pong{1}, kStart + 1s);   // the welcome's ping again: no answer to this one
  dead.say(wire::Pong{99}, kStart + 1s);  // an invented one
  expect_silence(dead.server);
  dead.server.on_time(kStart + 2s);
  CHECK(expect<Failed>(dead.server).reason == Reason::ping_timeout);
  CHECK(dead.server.finished());

  RawAgent alive;
  alive.welcome();
  alive.server.probe(kStart, kStart + 2s);
  const auto ping = std::get<wire::Ping>(take_messages(alive.server).at(0));
  alive.say(wire::Pong{ping.id}, kStart + 1s);
  CHECK(expect<RttMeasured>(alive.server).rtt == 1s);
  expect<ProbeAnswered>(alive.server);
  alive.server.on_time(kStart + 2s);
  expect_silence(alive.server);
  CHECK_FALSE(alive.server.finished());
}

TEST_CASE("an agent that does not read is failed, not buffered for") {
  RawAgent agent;
  agent.welcome();
  std::size_t most = 0;
  for (int i = 0; i < 100'000 && !agent.server.finished(); ++i) {
    agent.say(wire::Ping{1});
    most = std::max(most, agent.server.output().size());
  }
  CHECK(agent.server.finished());
  CHECK(expect<Failed>(agent.server).reason == Reason::not_reading);
  CHECK(most <= kMaxQueued);
  CHECK(most > kMaxQueued / 2);
}

TEST_CASE("an agent that ends the session says why") {
  RawAgent agent;
  agent.welcome();
  agent.say(wire::Refused{0, "version_unsupported", 0, "x"});
  CHECK(expect<Failed>(agent.server).reason == Reason::version_unsupported);
  CHECK(agent.server.finished());
  RawAgent newer;
  newer.welcome();
  newer.say(wire::Refused{0, "a_code_of_tomorrow", 0, "x"});
  CHECK(expect<Failed>(newer.server).reason == Reason::protocol_error);
}

TEST_CASE("an agent's drain and unknown messages of a newer agent") {
  RawAgent agent;
  agent.welcome();
  agent.say(wire::Drain{5000});
  CHECK(expect<Draining>(agent.server).within == 5s);
  agent.server.receive(Bytes{0x00, 0x18, 0, 0, 0, 1, 0xff}, kStart);  // server_list, not critical
  expect_silence(agent.server);
  CHECK_FALSE(agent.server.finished());
}

wire::EndpointCandidate candidate(std::uint32_t number) {
  return {number, *SocketAddress::parse("25.1.0.2:40000"), "pcp"};
}

TEST_CASE("a candidate is offered, judged, replaced and withdrawn") {
  RawAgent agent;
  agent.welcome();
  agent.say(candidate(1));
  CHECK(expect<CandidateOffered>(agent.server).candidate == candidate(1));
  agent.server.demand_proof({1, {7}});
  agent.server.verified(1, "");
  const auto said = take_messages(agent.server);
  REQUIRE(said.size() == 2);
  CHECK(std::get<wire::VerifyNonce>(said[0]) == wire::VerifyNonce{1, {7}});
  CHECK(std::get<wire::Verified>(said[1]) == wire::Verified{1, ""});
  agent.say(candidate(1));
  expect<CandidateOffered>(agent.server);
  agent.say(wire::CandidateWithdrawn{1, "network_changed"});
  CHECK(expect<CandidateWithdrawn>(agent.server).code == "network_changed");
  agent.say(wire::CandidateWithdrawn{1, "network_changed"});  // crossed on the way
  expect_silence(agent.server);
  agent.server.verified(1, "verify_failed");  // too late for it
  CHECK(take_messages(agent.server).empty());
}

TEST_CASE("a candidate needs a number") {
  RawAgent agent;
  agent.welcome();
  agent.say(candidate(0));
  agent.check_failed(Reason::protocol_error);
}

TEST_CASE("candidates are few, and offered at a bounded pace") {
  RawAgent agent;
  agent.welcome();
  for (std::uint32_t i = 1; i <= kMaxCandidates; ++i) {
    agent.say(candidate(i));
    expect<CandidateOffered>(agent.server);
  }
  agent.say(candidate(kMaxCandidates + 1));
  expect_silence(agent.server);
  agent.say(candidate(1));  // the burst is used up: what it stood for must go as well
  CHECK(expect<CandidateWithdrawn>(agent.server).candidate == 1);
  auto said = take_messages(agent.server);
  REQUIRE(said.size() == 2);
  CHECK(std::get<wire::Verified>(said[0]).code == "candidates_max");
  CHECK(std::get<wire::Verified>(said[1]).code == "verify_busy");
  agent.say(candidate(1), kStart + 1s);
  expect<CandidateOffered>(agent.server);
}

// Registrations without end, as one hostile agent sends them: 22 MB of log a second it was.
std::size_t refusals_until_the_end(test::SessionPair& pair, const wire::ControlMessage& asked) {
  std::size_t refused = 0;
  const Bytes message = test::written(asked);
  for (int i = 0; i < 10'000; ++i) {
    pair.server.receive(message, pair.now);
    while (auto event = pair.server.next_event()) {
      if (std::holds_alternative<server_event::ClaimRefused>(*event)) ++refused;
      if (const auto* failed = std::get_if<server_event::Failed>(&*event)) {
        CHECK(failed->reason == Reason::refusals_max);
        return refused;
      }
    }
    for (const wire::ControlMessage& each : test::take_messages(pair.server)) {
      if (std::holds_alternative<wire::Verified>(each)) ++refused;
    }
  }
  FAIL("the session goes on");
  return refused;
}

TEST_CASE("a session that asks on and on for what it is refused ends, and says when to come back") {
  test::SessionPair pair;
  pair.welcome();
  CHECK(refusals_until_the_end(pair, wire::Register{.claim = 9, .service = "web"}) <= kRefusalsBurst + 1);
  const auto last = test::take_messages(pair.server);
  REQUIRE_FALSE(last.empty());
  const auto* refused = std::get_if<wire::Refused>(&last.back());
  REQUIRE(refused != nullptr);
  CHECK(refused->claim == 0);
  CHECK(refused->code == "refusals_max");
  CHECK(std::chrono::seconds(refused->retry_after_s) == kRefusalsPause);
  test::SessionPair other;
  other.welcome();
  CHECK(refusals_until_the_end(other, wire::EndpointCandidate{.candidate = 1}) <= kRefusalsBurst + 1);
}

TEST_CASE("an agent with a thousand services too many is told so of each, and stays") {
  test::SessionPair pair;
  pair.welcome();
  for (std::uint32_t claim = 1; claim <= 1'000; ++claim) {
    pair.server.receive(test::written(wire::Register{.claim = claim, .service = "s" + std::to_string(claim)}),
                        pair.now);
    test::take_messages(pair.server);
  }
  CHECK_FALSE(pair.server.over());
}

TEST_CASE("both ends tell each other how a relay ended; a code that is not known says nothing") {
  test::SessionPair pair;
  pair.welcome();
  pair.agent.relay_ended({1}, Reason::service_not_tls);
  pair.server.relay_ended({2}, Reason::shutting_down);
  pair.exchange();
  const auto heard = test::expect<server_event::RelayEnded>(pair.server);
  CHECK(heard.connection == wire::ConnectionId{1});
  CHECK(heard.reason == Reason::service_not_tls);
  CHECK(test::expect<agent_event::RelayEnded>(pair.agent).reason == Reason::shutting_down);
  pair.server.receive(test::written(wire::RelayEnded{{3}, "not_yet_known"}), pair.now);
  test::expect_silence(pair.server);
}

}  // namespace
}  // namespace fairlead::core
