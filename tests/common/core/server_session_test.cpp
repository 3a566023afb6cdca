#include "common/core/server_session.h"

#include "tests/common/core/raw_agent.h"

namespace fairlead::core {
namespace {

using namespace server_event;
using namespace fairlead::test;

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
        wire::ControlMessage(wire::Renewed{}), wire::ControlMessage(wire::Refused{1, "internal", 0, ""})}) {
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

TEST_CASE("both ends tell each other how a relay ended; a code that is not known says nothing") {
  SessionPair pair;
  pair.welcome();
  pair.agent.relay_ended({1}, Reason::service_not_tls);
  pair.server.relay_ended({2}, Reason::shutting_down);
  pair.exchange();
  const auto heard = expect<RelayEnded>(pair.server);
  CHECK(heard.connection == wire::ConnectionId{1});
  CHECK(heard.reason == Reason::service_not_tls);
  CHECK(expect<agent_event::RelayEnded>(pair.agent).reason == Reason::shutting_down);
  pair.server.receive(written(wire::RelayEnded{{3}, "not_yet_known"}), pair.now);
  expect_silence(pair.server);
}

TEST_CASE("renewals are answered one at a time, at a pace") {
  RawAgent agent;
  agent.welcome();
  const auto answers = [&] {
    std::vector<std::string> codes;
    for (const auto& each : take_messages(agent.server)) codes.push_back(std::get<wire::Renewed>(each).code);
    return codes;
  };
  agent.server.renewed({"", 0, {{1}}, {}});  // nobody asked
  CHECK(answers().empty());
  agent.say(wire::Renew{{7}});
  CHECK(expect<RenewalRequested>(agent.server).csr == Bytes{7});
  agent.say(wire::Renew{{8}});  // while the first is owed
  CHECK(answers() == std::vector<std::string>{"join_busy"});
  agent.server.renewed({"", 0, {{1}}, {}});
  agent.server.renewed({"", 0, {{1}}, {}});
  CHECK(answers() == std::vector<std::string>{""});
  for (int i = 1; i < static_cast<int>(kRenewalsBurst); ++i) {
    agent.say(wire::Renew{{7}});
    expect<RenewalRequested>(agent.server);
    agent.server.renewed({"device_unknown", 0, {}, {}});
  }
  take_messages(agent.server);
  agent.say(wire::Renew{{7}});
  const auto busy = std::get<wire::Renewed>(take_messages(agent.server).at(0));
  CHECK(busy == wire::Renewed{"join_busy", 60, {}, {}});
  agent.say(wire::Renew{{7}}, kStart + 1min);
  expect<RenewalRequested>(agent.server);
  expect_silence(agent.server);
}

TEST_CASE("who asks for renewals on and on is failed") {
  RawAgent agent;
  agent.welcome();
  agent.say(wire::Renew{{7}});
  expect<RenewalRequested>(agent.server);
  for (int i = 0; i <= static_cast<int>(kRefusalsBurst); ++i) {
    agent.say(wire::Renew{{7}});
    agent.server.sent(agent.server.output().size() / 2);  // it reads
  }
  CHECK(expect<Failed>(agent.server).reason == Reason::refusals_max);
}

}  // namespace
}  // namespace fairlead::core
