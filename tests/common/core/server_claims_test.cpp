// What an agent asks of a session: services and candidates, how many, how fast, and for how long in vain.
#include "tests/common/core/raw_agent.h"

namespace fairlead::core {
namespace {

using namespace server_event;
using namespace fairlead::test;

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
std::size_t refusals_until_the_end(SessionPair& pair, const wire::ControlMessage& asked) {
  std::size_t refused = 0;
  const Bytes message = written(asked);
  for (int i = 0; i < 10'000; ++i) {
    pair.server.receive(message, pair.now);
    while (auto event = pair.server.next_event()) {
      if (std::holds_alternative<ClaimRefused>(*event)) ++refused;
      if (const auto* failed = std::get_if<Failed>(&*event)) {
        CHECK(failed->reason == Reason::refusals_max);
        return refused;
      }
    }
    for (const wire::ControlMessage& each : take_messages(pair.server)) {
      if (std::holds_alternative<wire::Verified>(each)) ++refused;
    }
  }
  FAIL("the session goes on");
  return refused;
}

TEST_CASE("a session that asks on and on for what it is refused ends, and says when to come back") {
  SessionPair pair;
  pair.welcome();
  CHECK(refusals_until_the_end(pair, wire::Register{.claim = 9, .service = "web"}) <= kRefusalsBurst + 1);
  const auto last = take_messages(pair.server);
  REQUIRE_FALSE(last.empty());
  const auto* refused = std::get_if<wire::Refused>(&last.back());
  REQUIRE(refused != nullptr);
  CHECK(refused->claim == 0);
  CHECK(refused->code == "refusals_max");
  CHECK(std::chrono::seconds(refused->retry_after_s) == kRefusalsPause);
  SessionPair other;
  other.welcome();
  CHECK(refusals_until_the_end(other, wire::EndpointCandidate{.candidate = 1}) <= kRefusalsBurst + 1);
}

TEST_CASE("an agent with a thousand services too many is told so of each, and stays") {
  SessionPair pair;
  pair.welcome();
  for (std::uint32_t claim = 1; claim <= 1'000; ++claim) {
    pair.server.receive(written(wire::Register{.claim = claim, .service = "s" + std::to_string(claim)}), pair.now);
    take_messages(pair.server);
  }
  CHECK_FALSE(pair.server.over());
}

}  // namespace
}  // namespace fairlead::core
