#include "rendezvous/control/agent_link.h"

#include "tests/rendezvous/control/control_rig.h"

namespace fairlead::rendezvous {
namespace {

TEST_CASE("a hello is asked of the registry with the certificate's identity, not with what the agent says of itself") {
  ControlRig rig;
  rig.open();
  REQUIRE(rig.registry.hellos.size() == 1);
  const SessionClaim& claim = rig.registry.hellos.front();
  CHECK(claim.spiffe_id == "spiffe://mesh.test/agent/home/nas1");
  CHECK(claim.endpoint == "nas1");
  CHECK(claim.about.peer == kAgentPeer);
  CHECK_FALSE(rig.agent->heard<agent_event::Welcomed>());
  CHECK(rig.places.used() == 1);
}

TEST_CASE("admitted: the welcome, the directory, and an ask for channels") {
  ControlRig rig;
  rig.open();
  rig.admit();
  const wire::Welcome& welcome = rig.heard<agent_event::Welcomed>().welcome;
  CHECK(welcome.address_seen == kAgentPeer);
  CHECK(welcome.domains == std::vector<std::string>{"mesh.example"});
  CHECK(welcome.services_max == 4);
  CHECK(rig.sessions.find(welcome.session_id) != nullptr);
  CHECK(rig.heard<agent_event::OpenChannels>().count == 1);
}

TEST_CASE("turned away: the reason reaches the agent, and the place is free again") {
  ControlRig rig;
  rig.open();
  rig.registry.last_link.tell([](SessionEnd& self) { self.on_refused(Reason::duplicate_identity, 60s, "another"); });
  const auto& refusal = rig.heard<agent_event::SessionRefused>().refusal;
  CHECK(refusal.reason == Reason::duplicate_identity);
  CHECK(refusal.retry_after == 60s);
  CHECK(rig.worker.until([&] { return rig.links_ended == 1; }));
  rig.worker.settle();
  CHECK(rig.places.used() == 0);
  CHECK(rig.registry.closed.size() == 1);
  CHECK(rig.refused(Reason::duplicate_identity) == 1);
  CHECK(rig.closed(Reason::duplicate_identity) == 0);
}

TEST_CASE("no place: refused before the registry hears of it") {
  ControlRig rig;
  const auto taken = rig.places.take();
  rig.ends.emplace(rig.worker, rig.mesh);
  REQUIRE(rig.worker.until([&] { return rig.ends->shaken(); }));
  rig.agent.emplace(rig.worker, std::move(rig.ends->client), fairlead::test::some_hello(), rig.worker.loop.now());
  rig.link = std::make_unique<AgentLink>(rig.tools, Guest{std::move(rig.ends->server), kAgentPeer});
  rig.link->start();
  rig.agent->driver->start();
  CHECK(rig.heard<agent_event::SessionRefused>().refusal.reason == Reason::server_full);
  CHECK(rig.registry.hellos.empty());
  CHECK(rig.worker.until([&] { return rig.links_ended == 1; }));
}

TEST_CASE("registrations go to the registry, and its answers back") {
  ControlRig rig;
  rig.open();
  rig.admit();
  rig.agent->session.register_service({.claim = 1, .service = "web"});
  rig.agent->session.register_service({.claim = 2, .service = "db"});
  rig.agent->driver->settle();
  REQUIRE(rig.worker.until([&] { return rig.registry.registers.size() == 2; }));
  rig.registry.last_link.tell([](SessionEnd& self) {
    wire::Registered message;
    message.claim = 1;
    message.service = "web.home";
    self.on_registered(message);
    self.on_claim_refused(2, Reason::name_taken, 30s, "held");
  });
  CHECK(rig.heard<agent_event::ServiceRegistered>().registered.service == "web.home");
  CHECK(rig.heard<agent_event::ServiceRegistered>().registered.pool_size == 1);
  CHECK(rig.heard<agent_event::ServiceRefused>().refusal.reason == Reason::name_taken);
  CHECK(rig.refused(Reason::name_taken) == 1);
  rig.agent->session.unregister(1, Reason::completed);
  rig.agent->driver->settle();
  CHECK(rig.worker.until([&] { return rig.registry.unregistered == std::vector<std::uint32_t>{1}; }));
}

TEST_CASE("a draining agent keeps its session and loses its services") {
  ControlRig rig;
  rig.open();
  rig.admit();
  rig.agent->session.register_service({.claim = 3, .service = "web"});
  rig.agent->session.drain(1s);
  rig.agent->driver->settle();
  CHECK(rig.worker.until([&] { return rig.registry.unregistered == std::vector<std::uint32_t>{3}; }));
  CHECK(rig.links_ended == 0);
}

TEST_CASE("the end takes the channels and those who wait for one along") {
  ControlRig rig;
  rig.open();
  rig.admit();
  const auto carrier = rig.sessions.find(rig.heard<agent_event::Welcomed>().welcome.session_id);
  REQUIRE(carrier);
  REQUIRE(carrier->add_ready({1, 11}, rig.worker.loop.now()).has_value());
  rig.agent->end();  // the agent leaves in order
  CHECK(rig.worker.until([&] { return rig.links_ended == 1; }));
  REQUIRE(rig.workers.closed.size() == 1);
  CHECK(rig.workers.closed.front() == std::pair(WorkerItem{1, 11}, Reason::session_ended));
  CHECK(rig.sessions.find(carrier->description().id) == nullptr);
  CHECK(rig.closed(Reason::completed) == 1);
}

TEST_CASE("a session ends when the clock jumps over the end of its certificate, and not before") {
  ControlRig rig;
  rig.mesh.agent = rig.mesh.ca.credentials("agent/home/nas1", {.not_after = rig.mesh.now + std::chrono::hours(24)});
  rig.open();
  rig.admit();
  rig.mesh.now += std::chrono::hours(23);
  rig.link->look_at_clock();
  rig.worker.settle();
  CHECK(rig.links_ended == 0);
  rig.mesh.now += std::chrono::hours(2);
  rig.link->look_at_clock();
  CHECK(rig.heard<agent_event::SessionRefused>().refusal.reason == Reason::session_certificate_ended);
  CHECK(rig.closed(Reason::session_certificate_ended) == 1);
}

TEST_CASE("a probe is answered to the registry") {
  ControlRig rig;
  rig.open();
  rig.admit();
  rig.registry.last_link.tell([](SessionEnd& self) { self.probe(5s); });
  CHECK(rig.worker.until([&] { return rig.registry.probes_answered == 1; }));
}

TEST_CASE("an answer that comes after the end finds nobody") {
  ControlRig rig;
  rig.open();
  const LinkRef link = rig.registry.last_link;
  rig.agent->end();
  REQUIRE(rig.worker.until([&] { return rig.links_ended == 1; }));
  link.tell([](SessionEnd& self) { self.on_admitted(); });
  rig.worker.settle();
  CHECK(rig.registry.closed.size() == 1);
}

TEST_CASE("a session that is refused all the time ends, and its identity waits before it may come back") {
  ControlRig rig;
  rig.open();
  rig.admit();
  for (std::uint32_t claim = 1; claim < 3'000 && rig.link && rig.agent->driver; ++claim) {
    rig.agent->session.register_service({.claim = claim, .service = "s"});
    rig.agent->driver->settle();
    rig.worker.loop.turn(net::Loop::Turn::glance);
  }
  CHECK(rig.heard<agent_event::SessionRefused>().refusal.reason == Reason::refusals_max);
  CHECK(rig.worker.until([&] { return rig.links_ended == 1; }));
  const std::size_t registered = rig.registry.registers.size();
  CHECK(registered < 100);
  CHECK(rig.pauses.left("spiffe://mesh.test/agent/home/nas1", rig.worker.loop.now()) > 0s);
}

TEST_CASE("what the agent says of an end is kept for the worker, and what we decided reaches the agent") {
  ControlRig rig;
  rig.open();
  rig.admit();
  rig.agent->session.relay_ended({1}, Reason::service_not_tls);
  rig.agent->driver->settle();
  std::optional<Reason> word;
  CHECK(rig.worker.until([&] {
    word = rig.registry.hellos.back().session->take_word({1}, rig.worker.loop.now());
    return word.has_value();
  }));
  CHECK(word == Reason::service_not_tls);
  const auto carrier = rig.sessions.find(rig.heard<agent_event::Welcomed>().welcome.session_id);
  carrier->tell_ended({2}, Reason::idle_timeout);
  CHECK(rig.heard<agent_event::RelayEnded>().reason == Reason::idle_timeout);
}

wire::Hello renewing_hello() {
  wire::Hello hello = fairlead::test::some_hello();
  hello.features = wire::kFeatureRenewal;
  return hello;
}

TEST_CASE("a renewal is asked of the signer with the certificate's identity, and its answer reaches the agent") {
  ControlRig rig;
  rig.hello = renewing_hello();
  rig.open();
  rig.admit();
  CHECK(rig.agent->session.may_renew());
  rig.agent->session.renew({0x30, 1});
  rig.agent->driver->settle();
  REQUIRE(rig.worker.until([&] { return rig.joins.renewals.size() == 1; }));
  const auto& [request, done] = rig.joins.renewals.front();
  CHECK(request.spiffe_id == "spiffe://mesh.test/agent/home/nas1");
  CHECK(request.csr == Bytes{0x30, 1});
  done({"", 0, {{1}, {2}}, {{3}}});
  CHECK(rig.heard<agent_event::Renewed>().answer == wire::Renewed{"", 0, {{1}, {2}}, {{3}}});

  rig.agent->events.clear();
  rig.agent->session.renew({0x30, 2});
  rig.agent->driver->settle();
  REQUIRE(rig.worker.until([&] { return rig.joins.renewals.size() == 2; }));
  rig.joins.renewals.back().second(wire::renewal_refused(Reason::device_unknown, 60s));
  CHECK(rig.heard<agent_event::Renewed>().answer.code == "device_unknown");
  CHECK(rig.refused(Reason::device_unknown) == 1);
}

TEST_CASE("a server that signs nothing says so in its welcome; an answer that comes after the end finds nobody") {
  ControlRig without;
  without.joins.has_signer = false;
  without.hello = renewing_hello();
  without.open();
  without.admit();
  CHECK_FALSE(without.agent->session.may_renew());

  ControlRig rig;
  rig.hello = renewing_hello();
  rig.open();
  rig.admit();
  rig.agent->session.renew({0x30, 1});
  rig.agent->driver->settle();
  REQUIRE(rig.worker.until([&] { return !rig.joins.renewals.empty(); }));
  rig.link->close(Reason::shutting_down, "");
  rig.joins.renewals.front().second({"", 0, {{1}}, {}});
  rig.worker.settle();
  CHECK_FALSE(rig.agent->heard<agent_event::Renewed>());
}

}  // namespace
}  // namespace fairlead::rendezvous
