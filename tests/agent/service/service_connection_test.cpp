#include "agent/service/service_connection.h"

#include "tests/agent/service/service_rig.h"

namespace fairlead::agent {
namespace {

using net::test::read_outcome;
using net::test::server_hello;
using net::test::tcp_pair;
using test::ServiceRig;

const Bytes kFirst(60, 0x16);  // of the client; nobody on this side looks into it
const Bytes kAnswer{'o', 'k'};

// The opening in front of the connection, and the client behind it.
struct Rig final : ServiceRig, ServiceConnectionOwner, net::PollTarget {
  explicit Rig(int backlog = 16) : ServiceRig(backlog) { service.target = target(); }
  void open(Duration reach_within = 10s) {
    auto pair = tcp_pair();
    client = std::move(pair.far);
    connection = std::make_unique<ServiceConnection>(
        tools(), *this,
        ServiceCall{.client = net::PolledFd(worker.poller, std::move(pair.near), *this),
                    .bytes = kFirst,
                    .caller = {caller, "web.home", {}}},
        service, ServiceTerms{.reach_within = reach_within, .relay = {}, .share = {}});
    if (before_start) before_start();
    connection->start();
    CHECK_FALSE(end);
  }
  bool ended() {
    return worker.until([this] { return end.has_value(); });
  }
  void say(const net::Fd& fd, ByteView bytes) { REQUIRE(net::write_some(fd.get(), bytes).value() == bytes.size()); }

  Bytes on_service_reached() override {
    ++reached;
    return kAnswer;
  }
  void on_service_ended(ServiceEnd how) override {
    ++ends_told;
    end = std::move(how);
    worker.loop.retire(std::move(connection));
  }
  void on_ready(net::Readiness) override { FAIL("the connection has taken the client over"); }

  ServiceConfig service;
  SocketAddress caller = *SocketAddress::parse("192.0.2.7:4711");
  net::Fd client;
  std::function<void()> before_start;
  std::unique_ptr<ServiceConnection> connection;
  int reached = 0;
  int ends_told = 0;
  std::optional<ServiceEnd> end;
};

TEST_CASE("reached, relayed both ways, ended once") {
  Rig rig;
  rig.open();
  const net::Fd service = rig.accept();
  CHECK(rig.read(service, kFirst.size()) == kFirst);
  CHECK(rig.reached == 1);
  rig.say(service, server_hello());
  Bytes expected = kAnswer;
  const Bytes hello = server_hello();
  expected.insert(expected.end(), hello.begin(), hello.end());
  CHECK(rig.read(rig.client, expected.size()) == expected);
  rig.say(rig.client, Bytes{'m', 'o', 'r', 'e'});
  CHECK(rig.read(service, 4) == Bytes{'m', 'o', 'r', 'e'});
  rig.connection->keep_alive(60s);
  net::shut_down_writing(rig.client.get());
  net::shut_down_writing(service.get());
  CHECK(rig.ended());
  CHECK(rig.end->outcome.reason == Reason::completed);
  CHECK(rig.end->outcome.client_bytes == kFirst.size() + 4);
  CHECK(rig.end->outcome.service_bytes == hello.size());
  CHECK_FALSE(rig.end->client.valid());
  rig.worker.settle();
  CHECK(rig.ends_told == 1);
}

TEST_CASE("the service hears who called before the client's own words") {
  Rig rig;
  rig.service.proxy_protocol = ProxyProtocol::v1;
  rig.open();
  const net::Fd service = rig.accept();
  const std::string head = "PROXY TCP4 192.0.2.7 127.0.0.1 4711 " + std::to_string(rig.address.port) + "\r\n";
  Bytes expected(head.begin(), head.end());
  expected.insert(expected.end(), kFirst.begin(), kFirst.end());
  CHECK(rig.read(service, expected.size()) == expected);
}

TEST_CASE("a target that cannot be had: the caller comes back for last words") {
  Rig rig;
  rig.service.target = ServiceRig::closed_target();
  rig.open();
  CHECK(rig.ended());
  CHECK(rig.end->outcome.reason == Reason::target_refused);
  CHECK(rig.end->detail.find("refused") != std::string::npos);
  REQUIRE(rig.end->client.valid());
  rig.worker.farewells.say(std::move(rig.end->client), kAnswer);
  CHECK(rig.read(rig.client, kAnswer.size()) == kAnswer);
  CHECK(rig.reached == 0);
}

// Its backlog is full, so that the dial stays under way.
struct SilentRig {
  SilentRig() {
    for (int i = 0; i < 2; ++i) fillers.push_back(std::move(*net::connect_tcp(rig.address)));
    rig.open();
    rig.worker.settle();
    CHECK_FALSE(rig.end);
  }
  Rig rig{0};
  std::vector<net::Fd> fillers;
};

TEST_CASE("a caller who leaves while the target is dialled") {
  SilentRig silent;
  net::reset_on_close(silent.rig.client.get());
  silent.rig.client.reset();
  CHECK(silent.rig.ended());
  CHECK(silent.rig.end->outcome.reason == Reason::client_reset);
  CHECK_FALSE(silent.rig.end->client.valid());
}

TEST_CASE("a caller who has only finished sending has not left") {
  SilentRig silent;
  net::shut_down_writing(silent.rig.client.get());
  silent.rig.worker.settle();
  CHECK_FALSE(silent.rig.end);
  net::accept_connection(silent.rig.listener.get()).value();
  net::accept_connection(silent.rig.listener.get()).value();
  CHECK(silent.rig.worker.until([&] { return silent.rig.reached == 1; }));
}

TEST_CASE("closed while the target is dialled, and while it is relayed") {
  SilentRig silent;
  silent.rig.connection->close(Reason::shutting_down);
  REQUIRE(silent.rig.end);
  CHECK(silent.rig.end->outcome.reason == Reason::shutting_down);
  CHECK(silent.rig.end->client.valid());
  Rig rig;
  rig.open();
  const net::Fd service = rig.accept();
  CHECK(rig.read(service, kFirst.size()) == kFirst);
  rig.connection->close(Reason::shutting_down);
  REQUIRE(rig.end);
  CHECK(rig.end->outcome.reason == Reason::shutting_down);
  CHECK_FALSE(rig.end->client.valid());
  CHECK(rig.ends_of(service));
}

TEST_CASE("how the target answered is known by service") {
  Rig rig;
  rig.service.name = "web";
  const auto state = [&] { return rig.health.find("web", rig.worker.loop.now()); };
  rig.service.target = ServiceRig::closed_target();
  rig.open();
  CHECK(rig.ended());
  REQUIRE(state());
  CHECK(state()->failing == Reason::target_refused);
  CHECK(state()->refused == 1);
  rig.service.target = rig.target();
  rig.end.reset();
  rig.open();
  net::Fd service = rig.accept();
  CHECK(rig.read(service, kFirst.size()) == kFirst);
  CHECK_FALSE(state()->failing);  // it takes connections
  CHECK(state()->served == 0);
  rig.say(service, Bytes{'S', 'S', 'H', '-', '2'});
  CHECK(rig.ended());
  CHECK(state()->failing == rig.end->outcome.reason);
  CHECK(state()->refused == 2);
  rig.end.reset();
  rig.open();
  service = rig.accept();
  CHECK(rig.read(service, kFirst.size()) == kFirst);  // unread, its end would be a reset
  rig.say(service, server_hello());
  CHECK(rig.read(rig.client, kAnswer.size() + server_hello().size()).size() == kAnswer.size() + server_hello().size());
  service.reset();
  rig.client.reset();
  CHECK(rig.ended());
  CHECK(state()->served == 1);
  CHECK_FALSE(state()->failing);
}

TEST_CASE("a target that takes connections and brings nothing has failed, and its address comes last") {
  const SocketAddress other = *SocketAddress::parse("127.0.0.9:9");
  for (const bool alert : {false, true}) {
    CAPTURE(alert);
    Rig rig;
    rig.service.name = "web";
    rig.open();
    net::Fd service = rig.accept();
    CHECK(rig.read(service, kFirst.size()) == kFirst);
    if (alert) rig.say(service, Bytes{0x15, 3, 3, 0, 2, 2, 40});
    service.reset();
    if (alert) CHECK(rig.read(rig.client, kAnswer.size() + 7).size() == kAnswer.size() + 7);
    net::shut_down_writing(rig.client.get());
    CHECK(rig.ended());
    const auto state = rig.health.find("web", rig.worker.loop.now());
    REQUIRE(state);
    CHECK(state->failing == Reason::service_ended_early);
    CHECK(state->served == 0);
    // Who said something is no dead address.
    CHECK(rig.addresses.order({rig.address, other}, rig.worker.loop.now()).front() == (alert ? rig.address : other));
  }
}

TEST_CASE("a connection that comes back to the agent is not sent round again") {
  Rig rig;
  rig.open();
  CHECK(rig.worker.until([&] { return rig.reached == 1; }));
  rig.connection->close(Reason::shutting_down);
  rig.end.reset();
  LoopGuard::Place ours;
  rig.before_start = [&] { ours = rig.loops.enter({rig.caller, *net::peer_address(rig.client.get())}); };
  rig.open();
  CHECK(rig.ended());
  CHECK(rig.end->outcome.reason == Reason::relay_loop);
  CHECK(rig.end->client.valid());
  CHECK(rig.reached == 1);
  rig.end.reset();
  rig.before_start = [&] { ours = rig.loops.enter({rig.caller, *net::local_address(rig.client.get())}); };
  rig.open();  // the same port to somewhere else
  CHECK(rig.worker.until([&] { return rig.reached == 2; }));
  CHECK(rig.loops.size() == 2);
  rig.connection->close(Reason::shutting_down);
  CHECK(rig.loops.size() == 1);
}

TEST_CASE("a target that does not answer in time") {
  Rig rig(0);
  std::vector<net::Fd> fillers;
  for (int i = 0; i < 2; ++i) fillers.push_back(std::move(*net::connect_tcp(rig.address)));
  rig.open(100ms);
  CHECK(rig.ended());
  CHECK(rig.end->outcome.reason == Reason::target_timeout);
  CHECK(rig.end->client.valid());
}

TEST_CASE("destroyed at any time: nothing is told, nothing stays open") {
  Rig rig;
  rig.open();
  rig.connection.reset();
  CHECK(rig.ends_of(rig.client));
  rig.open();
  const net::Fd service = rig.accept();
  rig.connection.reset();
  CHECK(rig.ends_of(rig.client));
  CHECK(rig.ends_told == 0);
}

}  // namespace
}  // namespace fairlead::agent
