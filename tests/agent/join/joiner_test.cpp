// Joining over loopback with servers that tests play on a thread: real TLS, scripted answers, and a count of what was
// said to whom.
#include "agent/join/joiner.h"

#include "common/tls/certificate_request.h"
#include "common/tls/key_pin.h"
#include "tests/agent/join/played_server.h"
#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

namespace fairlead::agent {
namespace {

struct JoinRig {
  std::shared_ptr<const tls::Credentials> server_of(test::TestCa& of, const std::string& path = "rendezvous/main") {
    return of.credentials(path, {.dns_names = {}, .ip_addresses = {"127.0.0.1"}});
  }
  Result<wire::Joined> join(std::vector<HostPort> addresses, Duration limit = 20s) {
    token.rendezvous = std::move(addresses);
    return Joiner({token, "nas1", csr}, limit).run();
  }
  wire::JoinRequest expected() const { return {token.id, token.secret, "nas1", csr, ""}; }

  test::TestCa ca{"mesh.test", test::system_now()};
  std::shared_ptr<const tls::Credentials> server = server_of(ca);
  wire::JoinToken token{.id = {1, 2, 3},
                        .secret = {{9, 8, 7}},
                        .ca_key_sha256 = *tls::key_pin(*tls::signing_ca(*server)),
                        .rendezvous = {},
                        .rendezvous_id = "spiffe://mesh.test/rendezvous/*"};
  Bytes csr = *tls::write_certificate_request(*tls::new_private_key());
  wire::Joined joined{.chain = {Bytes{1}},
                      .bundle = {Bytes{2}},
                      .trust_domain = "mesh.test",
                      .cluster = "home",
                      .name = "nas1",
                      .rendezvous = {"127.0.0.1:1"},
                      .rendezvous_id = "spiffe://mesh.test/rendezvous/*"};
};

TEST_CASE("a device says its token to the server of the token's CA and is told who it is") {
  JoinRig rig;
  PlayedServer server(rig.server, rig.joined);
  const auto joined = rig.join({server.address()});
  REQUIRE_MESSAGE(joined, joined.error().detail);
  CHECK(*joined == rig.joined);
  const auto questions = server.questions();
  REQUIRE(questions.size() == 1);
  auto request = std::get<wire::JoinRequest>(questions[0]);
  CHECK_FALSE(request.software.empty());
  request.software.clear();
  CHECK(request == rig.expected());
}

TEST_CASE("nobody else hears the secret") {
  JoinRig rig;
  test::TestCa forger("mesh.test", test::system_now());
  std::shared_ptr<const tls::Credentials> impostor;
  Reason why = Reason::ca_mismatch;
  SUBCASE("another CA with all the right names") {
    impostor = rig.server_of(forger);
  }
  SUBCASE("a token whose CA key was exchanged") {
    impostor = rig.server;
    rig.token.ca_key_sha256[0] ^= 1;
  }
  SUBCASE("an agent of the mesh") {
    impostor = rig.server_of(rig.ca, "agent/home/nas1");
    why = Reason::certificate_identity;
  }
  SUBCASE("a rendezvous at an address that is not its own") {
    impostor = rig.ca.credentials("rendezvous/main", {.dns_names = {"rv.example.com"}, .ip_addresses = {}});
    why = Reason::certificate_name;
  }
  PlayedServer server(impostor, rig.joined);
  const auto joined = rig.join({server.address()});
  REQUIRE_FALSE(joined);
  CHECK(joined.error().reason == why);
  CHECK(joined.error().detail.starts_with(server.address().to_string()));
  CHECK(server.connections == 1);
  CHECK(server.bytes == 0);
}

TEST_CASE("an address that is dead, foreign, or hangs up gives way to the next") {
  JoinRig rig;
  test::TestCa forger("mesh.test", test::system_now());
  PlayedServer foreign(rig.server_of(forger), rig.joined);
  PlayedServer hangs_up(rig.server, std::nullopt);
  PlayedServer good(rig.server, rig.joined);
  const auto joined = rig.join({dead(), foreign.address(), hangs_up.address(), good.address()});
  REQUIRE_MESSAGE(joined, joined.error().detail);
  CHECK(foreign.bytes == 0);
  // The answer may have been lost: the same is asked again.
  REQUIRE((hangs_up.questions().size() == 1 && good.questions().size() == 1));
  CHECK(hangs_up.questions()[0] == good.questions()[0]);
}

TEST_CASE("a server that is silent has its share of the time") {
  JoinRig rig;
  auto silent = net::listen_tcp(*SocketAddress::parse("127.0.0.1:0"), net::ReusePort::no);
  REQUIRE(silent);
  const HostPort address{"127.0.0.1", net::local_address(silent->get())->port};
  PlayedServer good(rig.server, rig.joined);
  CHECK(rig.join({address, good.address()}, 2s).has_value());
  const auto alone = rig.join({address}, 50ms);
  REQUIRE_FALSE(alone);
  CHECK(alone.error().reason == Reason::connect_timeout);
}

TEST_CASE("a refusal is final, and told as it was said") {
  JoinRig rig;
  PlayedServer refusing(rig.server, wire::JoinRefused{"name_taken", "nas1.home is held by another device"});
  PlayedServer good(rig.server, rig.joined);
  const auto joined = rig.join({refusing.address(), good.address()});
  REQUIRE_FALSE(joined);
  CHECK(joined.error().reason == Reason::name_taken);
  CHECK(joined.error().detail == "nas1.home is held by another device");
  CHECK(good.connections == 0);
}

TEST_CASE("when nobody answers, the failure that came furthest is told") {
  JoinRig rig;
  PlayedServer hangs_up(rig.server, std::nullopt);
  const auto joined = rig.join({dead(), hangs_up.address(), dead()});
  REQUIRE_FALSE(joined);
  CHECK(joined.error().reason == Reason::connection_lost);
  CHECK(rig.join({dead()}).error().reason == Reason::connect_refused);
}

}  // namespace
}  // namespace fairlead::agent
