// A server of which only the CA's key is known: who joins has a token and nothing else.
#include "common/tls/key_pin.h"

#include "common/tls/key_writer.h"
#include "common/tls/private_file.h"
#include "rendezvous/ca/certificate_writer.h"
#include "tests/common/tls/engine_pair.h"
#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::test;
using namespace fairlead::tls;

namespace {

struct PinRig {
  Digest pin_of(const Mesh& of) const { return *key_pin(*signing_ca(*of.server)); }

  void shake() {
    TlsServerContext serving({.credentials = mesh.server,
                              .alpn = {"fairlead-join/1"},
                              .ticket_keys = nullptr,
                              .clock = [] { return kTestNow; },
                              .client_certificate = ClientCertificate::optional,
                              .show_root = show_root});
    TlsClientContext asking({.credentials = nullptr,
                             .alpn = {"fairlead-join/1"},
                             .clock = [] { return ClockReading{kTestNow, ClockReading::Kind::exact}; },
                             .ca_pin = pin});
    server = std::move(*TlsEngine::server(serving));
    client = std::move(*TlsEngine::client(asking, expected, {}));
    while (move_output(*client, *server, SIZE_MAX, server_error) ||
           move_output(*server, *client, SIZE_MAX, client_error)) {
    }
  }
  Reason refused() {
    shake();
    CHECK_FALSE(client->handshake_done());
    CHECK_FALSE(server->handshake_done());
    return client_error ? client_error->reason : Reason::completed;
  }

  Mesh mesh;
  Digest pin = pin_of(mesh);
  ServerExpectation expected{"rv.example.com", {"spiffe://mesh.test/rendezvous/*"}};
  bool show_root = true;
  std::unique_ptr<TlsEngine> server;
  std::unique_ptr<TlsEngine> client;
  std::optional<Error> server_error;
  std::optional<Error> client_error;
};

// A leaf with all the right names that claims to be signed by the mesh's root, with that root behind it; its signature
// is the forger's.
std::shared_ptr<const Credentials> forged_below(const Mesh& mesh) {
  OwnedCertificates root;
  const Bytes& der = *signing_ca(*mesh.server);
  REQUIRE(mbedtls_x509_crt_parse_der(root.get(), der.data(), der.size()) == 0);
  char subject[200] = {};
  REQUIRE(mbedtls_x509_dn_gets(subject, sizeof subject, &root->subject) > 0);
  OwnedKey key;
  OwnedKey forger;
  REQUIRE((generate_key(key) && generate_key(forger)));
  rendezvous::CertificateSpec spec;
  spec.subject = "CN=rv";
  spec.names = {{"spiffe://mesh.test/rendezvous/main"}, {"rv.example.com"}, {}};
  spec.not_before = kTestNow - std::chrono::days(1);
  spec.not_after = kTestNow + std::chrono::days(1);
  spec.serial = rendezvous::random_serial();
  const auto leaf = rendezvous::write_certificate(spec, key, subject, forger);
  REQUIRE(leaf);
  const IdentityFiles files{mesh.ca.scratch() / "forged.crt", mesh.ca.scratch() / "forged.key", mesh.ca.bundle()};
  const std::string chain = *leaf + *certificate_to_pem(der);
  REQUIRE(replace_private_file(files.cert, as_bytes(chain)));
  const std::string key_pem = *key_to_pem(key);
  REQUIRE(replace_private_file(files.key, as_bytes(key_pem)));
  auto loaded = Credentials::load(files);
  REQUIRE_MESSAGE(loaded, loaded.error().detail);
  return *loaded;
}

}  // namespace

TEST_CASE("a server is known by its CA's key alone, and its client shows nothing") {
  PinRig rig;
  rig.shake();
  REQUIRE_MESSAGE(rig.client->handshake_done(), (rig.client_error ? rig.client_error->detail : ""));
  REQUIRE(rig.server->handshake_done());
  CHECK(rig.client->peer().spiffe_id == "spiffe://mesh.test/rendezvous/main");
  CHECK(rig.server->peer().spiffe_id.empty());
  CHECK(rig.client->save_session().empty());
}

TEST_CASE("the right names of another CA are of no use") {
  PinRig rig;
  const Mesh other;  // same trust domain, same names
  SUBCASE("another CA than the token's") {
    rig.pin = rig.pin_of(other);
  }
  SUBCASE("the right CA's root behind a signature that is not its own") {
    rig.mesh.server = forged_below(rig.mesh);
    rig.show_root = false;  // it is in the chain
  }
  SUBCASE("a root that is not sent") {
    rig.show_root = false;
  }
  CHECK(rig.refused() == Reason::ca_mismatch);
}

TEST_CASE("of the right CA, it must still be the one that was meant") {
  PinRig rig;
  SUBCASE("another name") {
    rig.expected.host = "other.example.com";
    CHECK(rig.refused() == Reason::certificate_name);
  }
  SUBCASE("an agent of the mesh") {
    rig.mesh.server = rig.mesh.ca.credentials("agent/home/nas1", {.dns_names = {"rv.example.com"}});
    CHECK(rig.refused() == Reason::certificate_identity);
  }
  SUBCASE("one whose certificate has ended") {
    rig.mesh.server = rig.mesh.ca.credentials(
        "rendezvous/main",
        {.dns_names = {"rv.example.com"}, .not_before = kTestNow - 50min, .not_after = kTestNow - 1min});
    CHECK(rig.refused() == Reason::certificate_expired);
  }
}
