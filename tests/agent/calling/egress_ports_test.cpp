// Local ports as a configuration has them, and what becomes of who is connected when it changes. Real TLS over
// loopback, servers that the test plays.
#include "agent/calling/egress_ports.h"

#include "tests/agent/calling/call_rig.h"

namespace fairlead::agent {
namespace {

using Plays = PlayedServer::Plays;

struct Rig : CallRig {
  Rig() : server(add(Plays::service)) { config.rendezvous = service.servers; }

  static EgressConfig egress(const std::string& name, const std::string& listen) {
    return {read_called_name(name, {}).value(), read_listen_address(listen).value()};
  }
  void apply(std::vector<EgressConfig> wanted) {
    config.egress = std::move(wanted);
    ports.apply(config);
  }
  EgressReport report(std::size_t which = 0) const { return ports.reports().at(which); }
  net::Fd caller(const std::string& address) const {
    auto fd = net::connect_tcp(*SocketAddress::parse(address));
    REQUIRE(fd.has_value());
    return std::move(*fd);
  }
  // Somebody who is connected to the service, which answers as the test says.
  struct Talk {
    net::Fd caller;
    net::TlsByteStream& service;
  };
  Talk talk(const std::string& address) {
    const std::size_t before = server.streams.size();
    net::Fd fd = caller(address);
    REQUIRE(until([&] { return server.streams.size() > before && server.streams.back()->handshake_done(); }));
    return {std::move(fd), *server.streams.back()};
  }
  bool carries(Talk& talk) {
    if (talk.service.write(as_bytes("x")) != 1) return false;
    Bytes got(1);
    return until([&] { return net::read_some(talk.caller.get(), got).value_or(0).value_or(0) == 1; });
  }
  void hang_up(Talk& talk) {
    net::reset_on_close(talk.caller.get());
    talk.caller.reset();
  }
  bool refused(const std::string& address) const {
    net::Fd fd = caller(address);
    return net::connect_result(fd.get()).has_value();
  }

  PlayedServer& server;
  AgentConfig config;
  int changes = 0;
  EgressPorts ports{tools, client_context, [this] { ++changes; }};
};

TEST_CASE("each port leads to its service") {
  Rig rig;
  rig.apply({Rig::egress("web.home", "0"), Rig::egress("db.home", "0")});
  CHECK(rig.report(0).name == "web.home");
  CHECK(rig.report(1).name == "db.home");
  CHECK(rig.report(0).listen != rig.report(1).listen);
  auto talk = rig.talk(rig.report(1).listen);
  CHECK(rig.carries(talk));
  CHECK(rig.report(0).connections == 0);
  CHECK(rig.report(1).connections == 1);
  CHECK(rig.places.relays() == 1);
  CHECK(rig.until([&] { return rig.changes > 1; }));
  rig.hang_up(talk);
  CHECK(rig.until([&] { return rig.report(1).connections == 0; }));
  CHECK(rig.places.relays() == 0);
  CHECK(rig.counters.closed.get(Reason::client_reset) == 1);
}

TEST_CASE("a port that stays keeps its socket and its connections through a reload") {
  Rig rig;
  rig.apply({Rig::egress("web.home", "0")});
  const std::string at = rig.report().listen;
  auto talk = rig.talk(at);
  rig.apply({Rig::egress("db.home", "0"), Rig::egress("web.home", "0")});
  CHECK(rig.report(1).listen == at);
  CHECK(rig.report(1).connections == 1);
  CHECK(rig.carries(talk));
}

TEST_CASE("a port that leads elsewhere now keeps its socket, and who is connected stays where they were") {
  Rig rig;
  rig.apply({Rig::egress("web.home", "0")});
  const std::string at = rig.report().listen;
  auto talk = rig.talk(at);
  rig.apply({Rig::egress("db.home", "0")});
  CHECK(rig.report().name == "db.home");
  CHECK(rig.report().listen == at);
  CHECK(rig.report().connections == 0);
  CHECK(rig.ports.leftovers() == 1);
  auto other = rig.talk(at);
  CHECK(rig.report().connections == 1);
  CHECK(rig.carries(talk));
  CHECK(rig.carries(other));
  rig.hang_up(talk);
  CHECK(rig.until([&] { return rig.ports.leftovers() == 0; }));
  CHECK(rig.carries(other));
}

TEST_CASE("a port that is gone takes nobody, and lets who is there finish") {
  Rig rig;
  rig.apply({Rig::egress("web.home", "0")});
  const std::string at = rig.report().listen;
  auto talk = rig.talk(at);
  rig.apply({});
  CHECK(rig.ports.reports().empty());
  CHECK(rig.refused(at));
  CHECK(rig.carries(talk));
  CHECK(rig.places.relays() == 1);
  rig.hang_up(talk);
  CHECK(rig.until([&] { return rig.ports.leftovers() == 0; }));
  CHECK(rig.places.relays() == 0);
}

TEST_CASE("an address that is taken is told, and listened on when it is free") {
  Rig rig;
  auto taken = net::listen_tcp({*IpAddress::parse("127.0.0.1"), 0}, net::ReusePort::no);
  const std::string at = net::local_address(taken->get())->to_string();
  rig.apply({Rig::egress("web.home", at)});
  REQUIRE(rig.report().problem.has_value());
  CHECK(rig.report().problem->reason == Reason::address_in_use);
  CHECK(rig.report().listen == at);
  rig.ports.try_again();
  CHECK(rig.report().problem.has_value());
  taken->reset();
  rig.ports.try_again();
  CHECK_FALSE(rig.report().problem.has_value());
  auto talk = rig.talk(at);
  CHECK(rig.carries(talk));
}

TEST_CASE("an address that one port leaves is there for another in the same reload") {
  Rig rig;
  rig.apply({Rig::egress("web.home", "0")});
  const std::string port = rig.report().listen.substr(rig.report().listen.find(':') + 1);
  rig.apply({Rig::egress("web.home", "0.0.0.0:" + port)});
  CHECK_FALSE(rig.report().problem.has_value());
}

TEST_CASE("where no place is left a caller is reset, and it is counted") {
  Rig rig;
  rig.apply({Rig::egress("web.home", "0")});
  std::vector<RelayShare> all;
  while (rig.places.relays() < rig.places.relays_max()) all.push_back(*rig.places.take(Tls::passthrough));
  rig.config.limits.idle_timeout = 2h;
  rig.ports.apply(rig.config);
  const net::Fd caller = rig.caller(rig.report().listen);
  Bytes got(1);
  CHECK(rig.until([&] { return !net::read_some(caller.get(), got).has_value(); }));
  CHECK(rig.server.calls == 0);
}

TEST_CASE("why the latest call failed is told with the port") {
  Rig rig;
  PlayedServer nobody(rig.worker, rig.server_context, Plays::alert, 80);
  rig.config.rendezvous = {nobody.address()};
  rig.apply({Rig::egress("web.home", "0")});
  CHECK_FALSE(rig.report().failure.has_value());
  const net::Fd caller = rig.caller(rig.report().listen);
  REQUIRE(rig.until([&] {
    nobody.serve();
    return rig.report().failure.has_value();
  }));
  CHECK(rig.report().failure->why.reason == Reason::no_endpoint);
}

TEST_CASE("nothing more is taken once it closes, and its end resets what it carries") {
  Rig rig;
  net::Fd caller;
  {
    EgressPorts ports(rig.tools, rig.client_context, [] {});
    rig.config.egress = {Rig::egress("web.home", "0")};
    ports.apply(rig.config);
    const std::string at = ports.reports()[0].listen;
    auto talk = rig.talk(at);
    ports.close();
    CHECK(rig.refused(at));
    CHECK(rig.carries(talk));
    caller = std::move(talk.caller);
  }
  Bytes got(1);
  CHECK(rig.until([&] { return !net::read_some(caller.get(), got).has_value(); }));
  CHECK(rig.places.relays() == 0);
}

}  // namespace
}  // namespace fairlead::agent
