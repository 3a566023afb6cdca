#include "common/net/session_driver.h"

#include "tests/common/core/session_pair.h"
#include "tests/common/net/session_side.h"

namespace fairlead::net {
namespace {

using namespace test;
using fairlead::test::Mesh;
using fairlead::test::some_hello;
using fairlead::test::some_welcome;

using Server = Side<core::ServerSession, core::ServerEvent>;
using Agent = Side<core::AgentSession, core::AgentEvent>;
namespace server_event = core::server_event;
namespace agent_event = core::agent_event;

struct Rig {
  Rig() {
    REQUIRE(worker.until([&] { return ends.shaken(); }));
    agent.emplace(worker, std::move(ends.client), some_hello(), worker.loop.now());
    server.emplace(worker, std::move(ends.server), worker.loop.now());
  }
  void open() {
    agent->driver->start();
    server->driver->start();
    REQUIRE(worker.until([&] { return server->heard<server_event::HelloReceived>(); }));
    server->session.welcome(some_welcome(), worker.loop.now());
    server->driver->settle();
    REQUIRE(worker.until([&] { return agent->heard<agent_event::Welcomed>(); }));
  }

  Worker worker;
  Mesh mesh;
  TlsEnds ends{worker, mesh};
  std::optional<Agent> agent;
  std::optional<Server> server;
};

TEST_CASE("messages go both ways, and pings by themselves") {
  Rig rig;
  rig.open();
  rig.agent->session.register_service({.claim = 1, .service = "web"});
  rig.agent->driver->settle();
  CHECK(rig.worker.until([&] { return rig.server->heard<server_event::RegisterRequested>(); }));
  CHECK(rig.worker.until([&] { return rig.server->heard<server_event::RttMeasured>(); }));
  CHECK_FALSE(rig.server->over.has_value());
}

TEST_CASE("what came before somebody took the connection over is read by start") {
  Rig rig;
  rig.agent->driver->start();
  REQUIRE(rig.worker.until([&] {
    return !rig.server->driver->stream().plaintext().empty() || rig.server->heard<server_event::HelloReceived>();
  }));
  rig.server->driver->start();
  CHECK(rig.server->heard<server_event::HelloReceived>());
}

TEST_CASE("a refusal is flushed, then both sides are over") {
  Rig rig;
  rig.open();
  rig.server->session.refuse_session(Reason::policy_denied, 5s, "no");
  rig.server->driver->settle();
  CHECK(rig.server->over.has_value());
  CHECK(rig.worker.until([&] { return rig.agent->over.has_value(); }));
  CHECK(rig.agent->heard<agent_event::SessionRefused>());
}

TEST_CASE("an owner may end it within an event, and hears no more") {
  Rig rig;
  rig.server->ends_at_first_event = true;
  rig.agent->driver->start();
  rig.server->driver->start();
  REQUIRE(rig.worker.until([&] { return rig.server->driver == nullptr; }));
  CHECK(rig.server->events.size() == 1);
  CHECK_FALSE(rig.server->over.has_value());
  CHECK(rig.worker.until([&] { return rig.agent->over.has_value(); }));  // by the orderly end
  CHECK(rig.agent->over->reason == Reason::completed);
}

TEST_CASE("a connection that breaks is told once, with the reason") {
  Rig rig;
  rig.open();
  rig.worker.loop.retire(std::move(rig.agent->driver));  // no close_notify
  CHECK(rig.worker.until([&] { return rig.server->over.has_value(); }));
  CHECK(rig.server->over->reason == Reason::connection_lost);
}

TEST_CASE("the session's deadline is kept: a probe that nobody answers") {
  Rig rig;
  rig.open();
  rig.agent->driver->stream().hand_to(rig.ends.nobody);  // it reads, and says nothing
  rig.server->session.probe(rig.worker.loop.now(), rig.worker.loop.now() + 20ms);
  rig.server->driver->settle();
  CHECK(rig.worker.until([&] { return rig.server->over.has_value(); }));
  CHECK(rig.server->heard<server_event::Failed>());
}

TEST_CASE("last words that nobody takes do not hold the connection") {
  Rig rig;
  rig.open();
  rig.agent->driver->stream().hand_to(rig.ends.nobody);
  auto& stream = rig.server->driver->stream();
  const Bytes much(64 * 1024, 0);
  for (int i = 0; i < 32; ++i) stream.write(much);
  rig.server->session.refuse_session(Reason::policy_denied, 0s, "no");
  rig.server->driver->settle();
  CHECK_FALSE(rig.server->over.has_value());
  CHECK(rig.worker.until([&] { return rig.server->over.has_value(); }));
}

}  // namespace
}  // namespace fairlead::net
