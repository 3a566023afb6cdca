#include "agent/direct/direct_connection.h"

#include "tests/agent/direct/direct_rig.h"
#include "tests/agent/service/service_rig.h"

namespace fairlead::agent {
namespace {

using test::ServiceRig;

// What DirectListener is to its connections.
struct Rig final : ServiceRig, DirectConnectionOwner, net::PollTarget {
  explicit Rig(int backlog = 16) : ServiceRig(backlog) {
    service.config.name = "web";
    service.config.target = target();
    service.service = "web.home";
    service.endpoint = "nas1";
  }
  void open(Duration reach_within = 10s) {
    auto pair = net::test::tcp_pair();
    client = std::move(pair.far);
    DirectClient caller{.fd = net::PolledFd(worker.poller, std::move(pair.near), *this),
                        .bytes = hello,
                        .peer = *SocketAddress::parse("192.0.2.7:4711"),
                        .accepted = worker.loop.now()};
    caller.hello.server_name = "web.home";
    connection = std::make_unique<DirectConnection>(
        tools(), *this, std::move(caller), service,
        ServiceTerms{.reach_within = reach_within, .relay = {}, .share = {.buffers = {}, .memory = 7}});
    connection->start();
    CHECK_FALSE(outcome);
  }
  bool ended() {
    return worker.until([this] { return outcome.has_value(); });
  }
  void on_direct_ended(DirectConnection& which, const net::RelayOutcome& how, const std::string& why) override {
    CHECK(&which == connection.get());
    CHECK(which.service() == "web.home");
    CHECK(which.endpoint() == "nas1");
    CHECK(which.share().memory == 7);  // to be given back
    ++ends;
    outcome = how;
    detail = why;
    worker.loop.retire(std::move(connection));
  }
  void on_ready(net::Readiness) override { FAIL("the connection has taken the client over"); }

  const Bytes hello = client_hello("web.home");
  ConfirmedService service;
  net::Fd client;
  std::unique_ptr<DirectConnection> connection;
  int ends = 0;
  std::optional<net::RelayOutcome> outcome;
  std::string detail;
};

TEST_CASE("the client's own bytes reach the service, whose answer comes back alone") {
  Rig rig;
  rig.open();
  const net::Fd service = rig.accept();
  CHECK(rig.read(service, rig.hello.size()) == rig.hello);
  const Bytes answer = net::test::server_hello();
  REQUIRE(net::write_some(service.get(), answer).value() == answer.size());
  CHECK(rig.read(rig.client, answer.size()) == answer);  // nothing of ours ahead of it
  CHECK(rig.connection->client().peer.to_string() == "192.0.2.7:4711");
  net::shut_down_writing(service.get());
  net::shut_down_writing(rig.client.get());
  CHECK(rig.ended());
  CHECK(rig.outcome->reason == Reason::completed);
  CHECK(rig.ends == 1);
}

TEST_CASE("a target that cannot be had: an alert, and why") {
  Rig rig;
  rig.service.config.target = ServiceRig::closed_target();
  rig.open();
  CHECK(rig.ended());
  CHECK(rig.outcome->reason == Reason::target_refused);
  CHECK(rig.detail.find("refused") != std::string::npos);
  CHECK(rig.read(rig.client, alert(80).size()) == alert(80));
  CHECK(rig.ends_of(rig.client));
}

TEST_CASE("closed while its target is dialled: an alert; a client that left gets none") {
  Rig rig(0);
  std::vector<net::Fd> fillers;
  for (int i = 0; i < 2; ++i) fillers.push_back(std::move(*net::connect_tcp(rig.address)));
  rig.open();
  rig.connection->close(Reason::shutting_down);
  CHECK(rig.outcome->reason == Reason::shutting_down);
  CHECK(rig.read(rig.client, alert(80).size()) == alert(80));
  rig.outcome.reset();
  rig.open();
  net::reset_on_close(rig.client.get());
  rig.client.reset();
  CHECK(rig.ended());
  CHECK(rig.outcome->reason == Reason::client_reset);
  CHECK(rig.ends == 2);
}

TEST_CASE("a target that is the direct listener itself is known in the first round") {
  DirectRig rig;
  ConfirmedService circle = rig.web();
  circle.config.target = HostPort{rig.address().ip.to_string(), rig.address().port};
  rig.listener->set_services({circle});
  CHECK(rig.answer_to(client_hello("web.home")) == alert(80));
  CHECK(rig.worker.until([&] { return rig.tools.room.relays() == 0; }));
  CHECK(rig.refused(Reason::relay_loop) == 1);
  CHECK(rig.tools.loops.size() == 0);
  rig.listener->set_services({rig.web()});
  const net::Fd client = rig.call(client_hello("web.home"));  // the same bytes again, and no circle
  CHECK(rig.accept_at_service().valid());
}

TEST_CASE("how a target answers its direct callers is known") {
  DirectRig rig;
  ConfirmedService dead = rig.web();
  dead.config.target = ServiceRig::closed_target();
  rig.listener->set_services({dead});
  CHECK(rig.answer_to(client_hello("web.home")) == alert(80));
  const auto state = rig.tools.target_health.find("web", rig.worker.loop.now());
  REQUIRE(state);
  CHECK(state->failing == Reason::target_refused);
  CHECK(state->refused == 1);
}

}  // namespace
}  // namespace fairlead::agent
