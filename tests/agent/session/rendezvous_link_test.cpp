// The link to one server that the test plays: how a session begins, what ends it, and what a server may say.
#include "common/wire/alpn.h"
#include "tests/agent/session/link_rig.h"

namespace fairlead::agent {
namespace {

namespace heard = core::server_event;
using State = RendezvousLink::State;

void open(LinkRig& rig) {
  rig.open(rig.welcome());
  REQUIRE(rig.until([&] { return rig.link->state() == State::up; }));
  REQUIRE(rig.until([&] { return rig.latest().heard<heard::RegisterRequested>(); }));
}

TEST_CASE("a link opens a session and registers its services") {
  LinkRig rig;
  CHECK(rig.link->state() == State::standby);
  open(rig);
  CHECK(rig.link->state_name() == "up");
  CHECK(rig.link->instance() == rig.welcome().instance_id);
  CHECK(rig.link->seen_as()->to_string() == "25.1.0.2:4000");
  const auto asked = rig.latest().take<heard::RegisterRequested>();
  REQUIRE(asked.size() == 1);
  rig.latest().say([&](core::ServerSession& session) {
    session.registered({.claim = asked[0].request.claim, .service = "web.home", .public_addresses = {"rv:443"}});
  });
  CHECK(rig.until([&] { return rig.link->services()[0].kind == ServiceState::Kind::registered; }));
  CHECK(rig.link->services()[0].address == "rv:443");
}

TEST_CASE("a session that ends is opened again") {
  LinkRig rig;
  open(rig);
  rig.latest().say([](core::ServerSession& session) { session.refuse_session(Reason::shutting_down, 0s, "restart"); });
  CHECK(rig.until([&] { return rig.link->state() != State::up; }));
  CHECK(rig.link->last_error()->reason == Reason::shutting_down);
  CHECK(rig.failed == 1);
  CHECK(rig.link->services()[0].kind == ServiceState::Kind::idle);
  open(rig);
  CHECK(rig.sessions.size() == 2);
}

TEST_CASE("changed services are told to the session that stands") {
  LinkRig rig;
  open(rig);
  rig.latest().take<heard::RegisterRequested>();
  rig.config.services = {{.name = "db", .target = HostPort{"127.0.0.1", 9}, .port = 5432}};
  rig.link->services_changed();
  CHECK(rig.until([&] { return rig.latest().heard<heard::RegisterRequested>(); }));
  CHECK(rig.latest().take<heard::RegisterRequested>()[0].request.service == "db");
  CHECK(rig.latest().heard<heard::Unregistered>());
  CHECK(rig.link->state() == State::up);
  CHECK(rig.sessions.size() == 1);
}

TEST_CASE("a changed identity opens a new session") {
  LinkRig rig;
  open(rig);
  rig.link->renew();
  CHECK(rig.until([&] { return rig.sessions.size() == 2; }));
  CHECK(rig.until([&] { return rig.sessions[0]->over(); }));
}

TEST_CASE("the next certificate is asked for over a session that offers it") {
  LinkRig rig;
  CHECK_FALSE(rig.link->may_renew());
  open(rig);
  CHECK_FALSE(rig.link->may_renew());  // an older server's welcome
  rig.link->ask_renewal({1});
  rig.link->renew();
  wire::Welcome signing = rig.welcome();
  signing.features = wire::kFeatureRenewal;
  rig.open(signing);
  REQUIRE(rig.until([&] { return rig.link->may_renew(); }));
  rig.link->ask_renewal({2});
  REQUIRE(rig.until([&] { return rig.latest().heard<heard::RenewalRequested>(); }));
  CHECK(rig.latest().take<heard::RenewalRequested>()[0].csr == Bytes{2});
  rig.latest().say([](core::ServerSession& session) { session.renewed({"", 0, {{3}}, {}}); });
  REQUIRE(rig.until([&] { return !rig.renewals.empty(); }));
  CHECK(rig.renewals[0].chain == std::vector<Bytes>{{3}});
  CHECK(rig.link->state() == State::up);
}

TEST_CASE("a server that says our certificate has ended is heard, and another certificate is tried at once") {
  LinkRig rig;
  rig.client_context = tls::TlsClientContext(
      {.credentials = rig.ca.credentials(
           "agent/home/nas1", {.not_before = test::system_now() - 48h, .not_after = test::system_now() - 24h}),
       .alpn = {wire::kSessionAlpn},
       .clock = net::wall_now});
  rig.link->activate();
  REQUIRE(rig.until([&] { return rig.failed == 1; }));
  REQUIRE(rig.link->last_error());
  CHECK(rig.link->last_error()->reason == Reason::session_certificate_ended);
  rig.client_context = tls::TlsClientContext(
      {.credentials = rig.ca.credentials("agent/home/nas1"), .alpn = {wire::kSessionAlpn}, .clock = net::wall_now});
  rig.link->renew();
  open(rig);
}

TEST_CASE("an identity that changes during the handshake opens no session with the old one") {
  LinkRig rig;
  rig.link->activate();
  REQUIRE(rig.worker.until([&] { return rig.link->state_name() == "opening"; }));  // nobody accepts yet
  rig.link->renew();
  CHECK(rig.link->state() == State::dialing);
  CHECK(rig.link->state_name() == "resolving");
  CHECK(rig.until([&] { return rig.sessions.size() == 2 && rig.link->state() == State::opening; }));
  CHECK(rig.sessions[0]->over());
}

TEST_CASE("closed at any moment of the dial, nothing is told any more") {
  for (int turns = 0; turns < 12; ++turns) {
    CAPTURE(turns);
    LinkRig rig;
    rig.link->activate();
    int left = turns;
    rig.until([&] { return left-- <= 0; });
    rig.link->close(Reason::shutting_down);
    rig.worker.settle();
    CHECK(rig.link->state() == State::standby);
    CHECK(rig.failed == 0);
  }
}

TEST_CASE("what a server sees of us is looked at again once a session has outlived a network change") {
  LinkRig rig;
  open(rig);
  const int changed = rig.changed;
  rig.link->check_path();
  CHECK(rig.until([&] { return rig.changed > changed; }));
  CHECK(rig.link->state() == State::up);
}

TEST_CASE("a second name of one server is noticed") {
  LinkRig rig;
  rig.held_elsewhere = rig.welcome().instance_id;
  rig.open(rig.welcome());
  CHECK(rig.until([&] { return rig.link->state() == State::waiting; }));
  CHECK(rig.link->last_error()->reason == Reason::same_instance);
}

// A listener beside the server, which the server names for data channels.
struct ElsewhereRig : LinkRig {
  // `before` are named ahead of it.
  void open_naming(std::vector<SocketAddress> before = {}) {
    REQUIRE(elsewhere);
    wire::Welcome told = welcome();
    told.data_addresses = std::move(before);
    told.data_addresses.push_back(*net::local_address(elsewhere->get()));
    LinkRig::open(told);
    REQUIRE(until([&] { return link->state() == State::up; }));
  }
  void ask_for_channels(std::uint16_t count) {
    latest().say([count](core::ServerSession& session) { session.open_channels(count); });
  }
  bool touched() {
    const auto accepted = net::accept_connection(elsewhere->get());
    return accepted && *accepted;
  }

  Result<net::Fd> elsewhere = net::listen_tcp(*SocketAddress::parse("127.0.0.2:0"), net::ReusePort::no);
};

TEST_CASE("no server sends data channels into the agent's network") {
  ElsewhereRig rig;
  rig.open_naming();
  const std::size_t sessions = rig.sessions.size();
  rig.ask_for_channels(3);
  // They go to the host where it is.
  CHECK(rig.until([&] { return rig.sessions.size() == sessions + 3; }));
  CHECK_FALSE(rig.touched());
}

TEST_CASE("a network of the configuration may be named") {
  ElsewhereRig rig;
  rig.config.rendezvous_networks = {*Cidr::parse("127.0.0.2/32")};
  rig.open_naming();
  rig.ask_for_channels(1);
  CHECK(rig.until([&] { return rig.touched(); }));
}

TEST_CASE("of several addresses for data channels the first that may be named is taken") {
  ElsewhereRig rig;
  rig.config.rendezvous_networks = {*Cidr::parse("127.0.0.2/32")};
  rig.open_naming({*SocketAddress::parse("127.0.0.3:9")});
  rig.ask_for_channels(1);
  CHECK(rig.until([&] { return rig.touched(); }));
}

TEST_CASE("a session whose id could be an instruction to another program is not taken") {
  LinkRig rig;
  wire::Welcome welcome = rig.welcome();
  const std::string_view text = "\nFLUSHALL\n";
  std::copy(text.begin(), text.end(), welcome.session_id.begin());
  rig.open(welcome);
  CHECK(rig.until([&] { return rig.link->state() == State::waiting; }));
  CHECK(rig.link->last_error()->reason == Reason::address_not_told);
}

}  // namespace
}  // namespace fairlead::agent
