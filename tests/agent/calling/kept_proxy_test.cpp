// The port of [proxy] through reloads, with servers that the test plays.
#include "agent/calling/kept_proxy.h"

#include "tests/agent/calling/call_rig.h"

namespace fairlead::agent {
namespace {

constexpr std::string_view kHead = "CONNECT web.home:80 HTTP/1.0\r\n\r\n";

struct Rig : CallRig {
  Rig() : server(add(PlayedServer::Plays::service)) { config.rendezvous = service.servers; }

  void apply(const std::string& listen) {
    config.proxy = listen.empty() ? std::nullopt : std::optional(read_listen_address(listen).value());
    proxy.apply(config);
  }
  std::string address() const { return proxy.report().value().listen; }
  net::Fd caller() const {
    auto fd = net::connect_tcp(*SocketAddress::parse(address()));
    REQUIRE(fd.has_value());
    return std::move(*fd);
  }
  // Somebody whose tunnel stands.
  net::Fd tunnel() {
    net::Fd fd = caller();
    REQUIRE(until([&] { return net::write_some(fd.get(), as_bytes(kHead)).value_or(0).value_or(0) == kHead.size(); }));
    Bytes got(100);
    REQUIRE(until([&] { return net::read_some(fd.get(), got).value_or(0).value_or(0) > 0; }));
    CHECK(as_text(got).starts_with("HTTP/1.1 200 OK"));
    return fd;
  }

  PlayedServer& server;
  AgentConfig config;
  int changes = 0;
  KeptProxy proxy{tools, client_context, 16, [this] { ++changes; }};
};

TEST_CASE("none is wanted, one is, and it stays as long as nothing changes") {
  Rig rig;
  rig.apply("");
  CHECK_FALSE(rig.proxy.report().has_value());
  rig.apply("0");
  const std::string at = rig.address();
  const net::Fd tunnel = rig.tunnel();
  rig.config.limits.idle_timeout = 2h;
  rig.proxy.apply(rig.config);
  CHECK(rig.address() == at);
  CHECK(rig.proxy.report()->connections == 1);
  CHECK(rig.changes >= 3);
}

TEST_CASE("one that moves or goes lets who is connected finish") {
  Rig rig;
  rig.apply("0");
  net::Fd tunnel = rig.tunnel();
  SUBCASE("moves") {
    const std::string at = rig.address();
    rig.apply("[::1]:0");
    CHECK(rig.address() != at);
    CHECK(rig.proxy.report()->connections == 0);
  }
  SUBCASE("goes") {
    rig.apply("");
    CHECK_FALSE(rig.proxy.report().has_value());
  }
  CHECK(rig.proxy.leftovers() == 1);
  CHECK(rig.places.relays() == 1);
  net::reset_on_close(tunnel.get());
  tunnel.reset();
  CHECK(rig.until([&] { return rig.proxy.leftovers() == 0; }));
  CHECK(rig.places.relays() == 0);
}

TEST_CASE("a port that is taken is told, and listened on when it is free") {
  Rig rig;
  auto taken = net::listen_tcp({*IpAddress::parse("127.0.0.1"), 0}, net::ReusePort::no);
  const std::string at = net::local_address(taken->get())->to_string();
  rig.apply(at);
  REQUIRE(rig.proxy.report()->problem.has_value());
  CHECK(rig.proxy.report()->problem->reason == Reason::address_in_use);
  CHECK(rig.address() == at);
  taken->reset();
  rig.proxy.try_again();
  CHECK_FALSE(rig.proxy.report()->problem.has_value());
  rig.tunnel();
}

TEST_CASE("nothing more is taken once it closes") {
  Rig rig;
  rig.apply("0");
  const net::Fd tunnel = rig.tunnel();
  const auto at = *SocketAddress::parse(rig.address());
  rig.proxy.close();
  const auto late = net::connect_tcp(at);
  CHECK(net::connect_result(late->get()).has_value());
  CHECK(rig.proxy.report()->connections == 1);
}

}  // namespace
}  // namespace fairlead::agent
