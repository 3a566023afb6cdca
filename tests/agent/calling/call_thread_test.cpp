// Calls on a thread of their own: what is told to it is in effect soon, and its end is the end of all.
#include "agent/calling/call_thread.h"

#include <chrono>
#include <thread>

#include "tests/agent/calling/call_rig.h"

namespace fairlead::agent {
namespace {

struct Rig : CallRig {
  Rig() : server(add(PlayedServer::Plays::service)) {
    config.rendezvous = service.servers;
    config.egress = {{service.name, SocketAddress{*IpAddress::parse("127.0.0.1"), 0}}};
  }
  static DeviceClock clock() { return DeviceClock("", WallTime{}, {WallTime{}, WallTime::max()}); }
  std::string address(const CallThread& calls) {
    REQUIRE(until([&] { return !calls.reports().egress.empty(); }));
    return calls.reports().egress[0].listen;
  }

  PlayedServer& server;
  AgentConfig config;
  std::shared_ptr<const tls::Credentials> own = ca.credentials("agent/home/laptop");
};

TEST_CASE("a port is opened, shown, carries, and is gone with the thread") {
  Rig rig;
  CallThread calls(rig.places, rig.counters, {});
  REQUIRE(calls.start().has_value());
  calls.apply(rig.config, rig.own, Rig::clock());
  const auto at = *SocketAddress::parse(rig.address(calls));
  auto caller = net::connect_tcp(at);
  REQUIRE(caller.has_value());
  REQUIRE(rig.until([&] { return !rig.server.streams.empty() && rig.server.streams[0]->handshake_done(); }));
  CHECK(rig.server.streams[0]->engine().peer().spiffe_id == "spiffe://mesh.test/agent/home/laptop");
  CHECK(rig.until([&] { return calls.reports().egress[0].connections == 1; }));
  CHECK(rig.places.relays() == 1);
  calls.stop_listening();
  CHECK(rig.places.relays() == 1);
  calls.shut_down();
  CHECK(rig.places.relays() == 0);
  Bytes got(1);
  CHECK(rig.until([&] { return !net::read_some(caller->get(), got).has_value(); }));
}

TEST_CASE("new calls show a new identity") {
  Rig rig;
  CallThread calls(rig.places, rig.counters, {});
  REQUIRE(calls.start().has_value());
  calls.apply(rig.config, rig.own, Rig::clock());
  const auto at = *SocketAddress::parse(rig.address(calls));
  const auto first = net::connect_tcp(at);
  REQUIRE(rig.until([&] { return !rig.server.streams.empty() && rig.server.streams[0]->handshake_done(); }));
  calls.apply(rig.config, rig.ca.credentials("agent/home/desktop"), Rig::clock());
  calls.network_changed();
  const auto second = net::connect_tcp(at);
  REQUIRE(rig.until([&] { return rig.server.streams.size() == 2 && rig.server.streams[1]->handshake_done(); }));
  CHECK(rig.server.streams[0]->engine().peer().spiffe_id == "spiffe://mesh.test/agent/home/laptop");
  CHECK(rig.server.streams[1]->engine().peer().spiffe_id == "spiffe://mesh.test/agent/home/desktop");
}

TEST_CASE("a proxy beside them, that comes, moves and goes") {
  Rig rig;
  CallThread calls(rig.places, rig.counters, {});
  REQUIRE(calls.start().has_value());
  calls.apply(rig.config, rig.own, Rig::clock());
  rig.address(calls);
  CHECK_FALSE(calls.reports().proxy.has_value());
  rig.config.proxy = SocketAddress{*IpAddress::parse("127.0.0.1"), 0};
  calls.apply(rig.config, rig.own, Rig::clock());
  REQUIRE(rig.until([&] { return calls.reports().proxy.has_value(); }));
  auto caller = net::connect_tcp(*SocketAddress::parse(calls.reports().proxy->listen));
  REQUIRE(caller.has_value());
  const std::string_view head = "CONNECT web.home:80 HTTP/1.0\r\n\r\n";
  REQUIRE(
      rig.until([&] { return net::write_some(caller->get(), as_bytes(head)).value_or(0).value_or(0) == head.size(); }));
  Bytes got(100);
  REQUIRE(rig.until([&] { return net::read_some(caller->get(), got).value_or(0).value_or(0) > 0; }));
  CHECK(as_text(got).starts_with("HTTP/1.1 200 OK"));
  CHECK(rig.until([&] { return calls.reports().proxy->connections == 1; }));
  rig.config.proxy.reset();
  calls.apply(rig.config, rig.own, Rig::clock());
  CHECK(rig.until([&] { return !calls.reports().proxy.has_value(); }));
  CHECK(rig.places.relays() == 1);
  net::reset_on_close(caller->get());
  caller->reset();
  CHECK(rig.until([&] { return rig.places.relays() == 0; }));
}

TEST_CASE("what it keeps aside is given back, also when it never ran") {
  RelayRoom room(8, MemoryBudget(kLeastMemory, 0));
  Counters counters;
  const std::size_t before = room.memory_used();
  {
    CallThread calls(room, counters, {});
    CHECK(room.memory_used() > before);
    CHECK(room.relays() == 0);
  }
  CHECK(room.memory_used() == before);
}

}  // namespace
}  // namespace fairlead::agent
