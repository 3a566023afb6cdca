// Whom the engines refuse, with which reason, and that the other side is told by an alert.

#include <cstdlib>

#include "common/tls/tls_engine.h"
#include "tests/common/tls/engine_pair.h"
#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::test;
using namespace fairlead::tls;

namespace {

enum class Refuser { client, server };

// The refuser's error has the reason; the other side learns of it by a fatal alert and ends too.
void check_refused(Mesh& mesh, Refuser refuser, Reason reason, std::string_view alert) {
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}}) {
    EnginePair pair(mesh);
    pair.run(chunk);
    const auto& own = refuser == Refuser::client ? pair.client_error : pair.server_error;
    const auto& other = refuser == Refuser::client ? pair.server_error : pair.client_error;
    const TlsEngine& engine = refuser == Refuser::client ? *pair.client : *pair.server;
    REQUIRE(own.has_value());
    CHECK_MESSAGE(own->reason == reason, reason_code(own->reason), ": ", own->detail);
    CHECK_FALSE(engine.handshake_done());
    REQUIRE(other.has_value());
    CHECK_MESSAGE(other->detail.find(alert) != std::string::npos, other->detail);
  }
}

std::shared_ptr<const Credentials> load(const IdentityFiles& files) {
  const auto loaded = Credentials::load(files);
  REQUIRE_MESSAGE(loaded.has_value(), (loaded ? "" : loaded.error().detail));
  return *loaded;
}

}  // namespace

TEST_CASE("a peer of another CA is untrusted") {
  Mesh mesh;
  TestCa stranger;
  SUBCASE("client") {
    IdentityFiles files = stranger.issue("agent/home/nas1");
    files.ca = mesh.ca.bundle();
    mesh.agent = load(files);
    check_refused(mesh, Refuser::server, Reason::certificate_untrusted, "unknown_ca");
  }
  SUBCASE("server") {
    IdentityFiles files = stranger.issue("rendezvous/main", {.dns_names = {"rv.example.com"}});
    files.ca = mesh.ca.bundle();
    mesh.server = load(files);
    check_refused(mesh, Refuser::client, Reason::certificate_untrusted, "unknown_ca");
  }
}

TEST_CASE("a leaf without its intermediate is untrusted") {
  Mesh mesh;
  IdentityFiles files = mesh.ca.issue("agent/home/nas2");
  const std::string strip = "openssl x509 -in " + files.cert.string() + " -out " + files.cert.string() + ".leaf";
  REQUIRE(std::system(strip.c_str()) == 0);
  files.cert += ".leaf";
  mesh.agent = load(files);
  check_refused(mesh, Refuser::server, Reason::certificate_untrusted, "unknown_ca");
}

TEST_CASE("validity is judged by the clock that was passed in") {
  Mesh mesh;
  const auto day = std::chrono::days(1);
  SUBCASE("expired client") {
    mesh.agent = mesh.ca.credentials("agent/a", {.not_before = mesh.now - 9 * day, .not_after = mesh.now - day});
    check_refused(mesh, Refuser::server, Reason::certificate_expired, "certificate_expired");
  }
  SUBCASE("expired server") {
    mesh.server = mesh.ca.credentials(
        "rendezvous/a",
        {.dns_names = {"rv.example.com"}, .not_before = mesh.now - 9 * day, .not_after = mesh.now - day});
    check_refused(mesh, Refuser::client, Reason::certificate_expired, "certificate_expired");
  }
  SUBCASE("a client that is not valid yet") {
    mesh.agent = mesh.ca.credentials("agent/a", {.not_before = mesh.now + std::chrono::seconds(1)});
    check_refused(mesh, Refuser::server, Reason::certificate_not_yet_valid, "");
  }
  SUBCASE("a server that is not valid yet") {
    mesh.server = mesh.ca.credentials("rendezvous/a", {.dns_names = {"rv.example.com"}, .not_before = mesh.now + day});
    check_refused(mesh, Refuser::client, Reason::certificate_not_yet_valid, "");
  }
  SUBCASE("the last second and the first second") {
    mesh.agent =
        mesh.ca.credentials("agent/a", {.not_before = mesh.now, .not_after = mesh.now + std::chrono::seconds(1)});
    EnginePair pair(mesh);
    pair.run();
    CHECK(pair.ready());
    mesh.now += std::chrono::seconds(1);
    check_refused(mesh, Refuser::server, Reason::certificate_expired, "certificate_expired");
  }
}

TEST_CASE("a client that knows its clock is wrong joins, and judges as ever once it knows the time") {
  Mesh mesh;
  const WallTime built = mesh.now - std::chrono::days(30);
  mesh.client_now = ClockReading(built, ClockReading::Kind::earliest);
  const auto joins = [&mesh] {
    EnginePair pair(mesh);
    pair.run();
    return pair.ready();
  };
  CHECK(joins());
  mesh.client_now = mesh.now;
  CHECK(joins());
  mesh.client_now = built;
  check_refused(mesh, Refuser::client, Reason::certificate_not_yet_valid, "");

  mesh.client_now = ClockReading(built, ClockReading::Kind::earliest);
  TestCa stranger;
  IdentityFiles files = stranger.issue("rendezvous/main", {.dns_names = {"rv.example.com"}});
  files.ca = mesh.ca.bundle();
  mesh.server = load(files);
  check_refused(mesh, Refuser::client, Reason::certificate_untrusted, "unknown_ca");
}

TEST_CASE("an identity ends with the earliest certificate of its chain") {
  Mesh mesh;
  mesh.now = kTestNow + std::chrono::days(1900);  // the intermediate ended after 1825
  check_refused(mesh, Refuser::client, Reason::certificate_expired, "certificate_expired");
}

TEST_CASE("the server must be the one that was dialled") {
  Mesh mesh;
  const auto accepted = [&mesh](const std::string& host) {
    mesh.expected.host = host;
    EnginePair pair(mesh);
    pair.run();
    CHECK((pair.ready() || pair.client_error->reason == Reason::certificate_name));
    return pair.ready();
  };
  CHECK(accepted("rv.example.com"));
  CHECK(accepted("RV.Example.COM."));
  CHECK(accepted("192.0.2.1"));
  CHECK(accepted("2001:db8::1"));
  CHECK(accepted("2001:DB8:0:0::1"));
  CHECK(accepted("::ffff:192.0.2.1"));
  CHECK(accepted("a.wild.example"));
  CHECK(accepted(""));
  CHECK_FALSE(accepted("example.com"));
  CHECK_FALSE(accepted("x.rv.example.com"));
  CHECK_FALSE(accepted("wild.example"));
  CHECK_FALSE(accepted("a.b.wild.example"));
  CHECK_FALSE(accepted("192.0.2.2"));
  CHECK_FALSE(accepted("2001:db8::2"));
  CHECK_FALSE(accepted("main"));  // the common name counts for nothing
  mesh.expected.host = "other.example.com";
  check_refused(mesh, Refuser::client, Reason::certificate_name, "bad_certificate");
}

TEST_CASE("the server must have the expected SPIFFE id") {
  Mesh mesh;
  const auto accepted = [&mesh](const std::string& pattern) {
    mesh.expected.spiffe_patterns = {pattern};
    EnginePair pair(mesh);
    pair.run();
    return pair.ready();
  };
  CHECK(accepted("spiffe://mesh.test/rendezvous/main"));
  CHECK(accepted("spiffe://mesh.test/**"));
  CHECK(accepted("spiffe://{trust_domain}/{role}/main"));
  CHECK_FALSE(accepted("spiffe://mesh.test/rendezvous"));
  CHECK_FALSE(accepted("spiffe://other.test/rendezvous/*"));
  mesh.expected.spiffe_patterns = {"spiffe://{trust_domain}/gateway/*"};
  check_refused(mesh, Refuser::client, Reason::certificate_identity, "bad_certificate");
}

TEST_CASE("one of several ids must be the server's, and the complaint names them all and who it was") {
  Mesh mesh;
  mesh.expected.spiffe_patterns = {"spiffe://{trust_domain}/service/web", "spiffe://{trust_domain}/rendezvous/*"};
  EnginePair pair(mesh);
  pair.run();
  CHECK(pair.ready());
  mesh.expected.spiffe_patterns.pop_back();
  mesh.expected.spiffe_patterns.emplace_back("spiffe://{trust_domain}/agent/home/*");
  EnginePair wrong(mesh);
  wrong.run();
  REQUIRE(wrong.client_error);
  CHECK(wrong.client_error->detail ==
        "the server is spiffe://mesh.test/rendezvous/main, expected spiffe://mesh.test/service/web or "
        "spiffe://mesh.test/agent/home/*");
}

TEST_CASE("who expects nobody in particular is refused") {
  Mesh mesh;
  mesh.expected.spiffe_patterns.clear();
  auto context = mesh.client_context();
  CHECK(TlsEngine::client(context, mesh.expected, {}).error().reason == Reason::config_invalid);
}

TEST_CASE("a name to be routed by is sent, and the certificate need not carry it") {
  Mesh mesh;
  mesh.expected.host.clear();
  mesh.expected.sni = "web.home";
  EnginePair pair(mesh);
  CHECK(as_text(pair.client->output()).find("web.home") != std::string::npos);
  pair.run();
  CHECK(pair.ready());
  CHECK(pair.client->protocol() == "TLSv1.2");
}

TEST_CASE("the alert by which the peer ended a handshake is told by its number") {
  Mesh mesh;
  SUBCASE("a server's, in clear") {
    EnginePair pair(mesh);
    CHECK_FALSE(pair.client->peer_alert());
    CHECK_FALSE(pair.client->receive(Bytes{21, 3, 3, 0, 2, 2, 112}));
    CHECK(pair.client->peer_alert() == 112);
  }
  SUBCASE("a client's that expected another") {
    mesh.expected.spiffe_patterns = {"spiffe://{trust_domain}/gateway/*"};
    EnginePair pair(mesh);
    pair.run();
    CHECK(pair.server->peer_alert() == 42);
    CHECK_FALSE(pair.client->peer_alert());
  }
  SUBCASE("a close_notify is none") {
    EnginePair pair(mesh);
    CHECK_FALSE(pair.client->receive(Bytes{21, 3, 3, 0, 2, 1, 0}));
    CHECK_FALSE(pair.client->peer_alert());
  }
}

TEST_CASE("a client certificate may be left to choice") {
  Mesh mesh;
  mesh.client_certificate = ClientCertificate::optional;
  EnginePair pair(mesh);
  pair.run();
  REQUIRE(pair.ready());
  CHECK(pair.server->peer().spiffe_id == "spiffe://mesh.test/agent/home/nas1");

  TestCa stranger;
  IdentityFiles files = stranger.issue("agent/home/nas1");
  files.ca = mesh.ca.bundle();
  mesh.agent = load(files);
  check_refused(mesh, Refuser::server, Reason::certificate_untrusted, "unknown_ca");
}

TEST_CASE("a certificate is good for the side of TLS it was made for") {
  Mesh mesh;
  mesh.agent = load(mesh.ca.issue_flawed("agent/a", Flaw::server_only));
  check_refused(mesh, Refuser::server, Reason::certificate_purpose, "unsupported_certificate");
}

TEST_CASE("a client whose certificate is good may still not be let in, and hears so within the handshake") {
  Mesh mesh;
  std::string asked_for;
  mesh.allow = [&](const PeerIdentity& caller) -> Result<void> {
    asked_for = caller.spiffe_id + " " + caller.common_name;
    return caller.spiffe_id.ends_with("/nas1") ? Result<void>() : fail(Reason::caller_denied, "not here");
  };
  EnginePair pair(mesh);
  pair.run();
  CHECK(pair.ready());
  CHECK(pair.server->protocol() == "TLSv1.2");
  CHECK(asked_for == "spiffe://mesh.test/agent/home/nas1 nas1");
  mesh.agent = mesh.ca.credentials("agent/home/nas2");
  check_refused(mesh, Refuser::server, Reason::caller_denied, "access_denied");

  asked_for.clear();  // of a chain that is no good nobody is asked
  mesh.agent = load(mesh.ca.issue_flawed("agent/a", Flaw::server_only));
  check_refused(mesh, Refuser::server, Reason::certificate_purpose, "unsupported_certificate");
  CHECK(asked_for.empty());
}
