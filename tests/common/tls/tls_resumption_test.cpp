
#include <algorithm>
#include <fstream>

#include "common/crypto/system_rng.h"
#include "common/tls/session_state.h"
#include "common/tls/tls_engine.h"
#include "tests/common/tls/engine_pair.h"
#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::test;
using namespace fairlead::tls;

namespace {

struct ResumingMesh : Mesh {
  ResumingMesh() { ticket_keys = TicketKeys::in_memory(rng, now); }

  // A full handshake whose session the next connection offers.
  void connect_first() {
    EnginePair pair(*this);
    pair.run();
    REQUIRE(pair.ready());
    REQUIRE_FALSE(pair.server->resumed());
    saved_session = pair.client->save_session();
    REQUIRE_FALSE(saved_session.empty());
  }

  crypto::SystemRng rng;
};

// The connection works, by a full handshake, and the server says why.
void check_full(Mesh& mesh, ResumptionRefused cause) {
  EnginePair pair(mesh);
  pair.run();
  REQUIRE(pair.ready());
  CHECK_FALSE(pair.server->resumed());
  CHECK_FALSE(pair.client->resumed());
  CHECK(resumption_refused_text(pair.server->resumption_refused()) == resumption_refused_text(cause));
  CHECK(pair.server->peer().spiffe_id == mesh.agent->spiffe_id());
}

void check_resumed(Mesh& mesh) {
  EnginePair pair(mesh);
  pair.run();
  REQUIRE(pair.ready());
  CHECK(pair.server->resumed());
  CHECK(pair.client->resumed());
  CHECK(pair.server->resumption_refused() == ResumptionRefused::none);
}

}  // namespace

TEST_CASE("a session is resumed with both identities") {
  ResumingMesh mesh;
  mesh.connect_first();
  EnginePair pair(mesh);
  pair.run(1);
  REQUIRE(pair.ready());
  CHECK(pair.server->resumed());
  CHECK(pair.client->resumed());
  CHECK(pair.server->peer().spiffe_id == "spiffe://mesh.test/agent/home/nas1");
  CHECK(pair.server->peer().not_after == mesh.agent->not_after());
  CHECK(pair.server->peer().leaf_hash == mesh.agent->leaf_hash());
  CHECK(pair.client->peer().spiffe_id == "spiffe://mesh.test/rendezvous/main");
  CHECK(pair.client->peer().ip_addresses == mesh.server->ip_addresses());
  CHECK(pair.client->alpn() == "fairlead/1");
  REQUIRE(pair.client->write(as_bytes("up")));
  REQUIRE(pair.server->write(as_bytes("down")));
  pair.run();
  CHECK(take_text(*pair.server) == "up");
  CHECK(take_text(*pair.client) == "down");
}

TEST_CASE("a session can be resumed again and again, and from what a resumed connection saved") {
  ResumingMesh mesh;
  mesh.connect_first();
  for (int i = 0; i < 3; ++i) {
    EnginePair pair(mesh);
    pair.run();
    REQUIRE(pair.ready());
    CHECK(pair.server->resumed());
    mesh.saved_session = pair.client->save_session();
    REQUIRE_FALSE(mesh.saved_session.empty());
  }
}

TEST_CASE("resumption survives a restart of the server") {
  ResumingMesh mesh;
  const auto file = mesh.ca.scratch() / "ticket.keys";
  mesh.ticket_keys = TicketKeys::open(file, mesh.rng, mesh.now);
  mesh.connect_first();
  mesh.ticket_keys = TicketKeys::open(file, mesh.rng, mesh.now);
  check_resumed(mesh);
}

TEST_CASE("keys of another server lead to a full handshake") {
  ResumingMesh mesh;
  mesh.connect_first();
  mesh.ticket_keys = TicketKeys::in_memory(mesh.rng, mesh.now);
  check_full(mesh, ResumptionRefused::unknown_key);
}

TEST_CASE("a server without ticket keys goes on in full") {
  ResumingMesh mesh;
  mesh.connect_first();
  mesh.ticket_keys = nullptr;
  check_full(mesh, ResumptionRefused::none);
}

TEST_CASE("a changed CA bundle ends all sessions under the old one") {
  ResumingMesh mesh;
  mesh.connect_first();
  TestCa another;
  const auto merged = mesh.ca.scratch() / "merged.crt";
  std::ofstream(merged) << std::ifstream(mesh.ca.bundle()).rdbuf() << std::ifstream(another.bundle()).rdbuf();
  SUBCASE("at the server") {
    IdentityFiles files = mesh.ca.issue("rendezvous/main", {.dns_names = {"rv.example.com"}});
    files.ca = merged;
    mesh.server = Credentials::load(files).value();
    check_full(mesh, ResumptionRefused::ca_changed);
  }
  SUBCASE("at the client: it does not offer") {
    IdentityFiles files = mesh.ca.issue("agent/home/nas1");
    files.ca = merged;
    mesh.agent = Credentials::load(files).value();
    check_full(mesh, ResumptionRefused::none);
  }
}

TEST_CASE("a client with a new certificate does not go on with the old identity") {
  ResumingMesh mesh;
  mesh.connect_first();
  mesh.agent = mesh.ca.credentials("agent/home/nas1");
  check_full(mesh, ResumptionRefused::none);
}

TEST_CASE("a session ends with the client's certificate") {
  ResumingMesh mesh;
  mesh.agent = mesh.ca.credentials("agent/home/nas1", {.not_after = mesh.now + std::chrono::hours(2)});
  mesh.connect_first();
  mesh.now += std::chrono::hours(2) - std::chrono::seconds(1);
  check_resumed(mesh);
  mesh.now += std::chrono::seconds(1);
  EnginePair pair(mesh);
  pair.run();
  CHECK_FALSE(pair.ready());
  CHECK(pair.server->resumption_refused() == ResumptionRefused::expired);
  REQUIRE(pair.server_error);
  CHECK(pair.server_error->reason == Reason::certificate_expired);
}

TEST_CASE("a session ends with the server's certificate: the client does not offer it") {
  ResumingMesh mesh;
  mesh.server = mesh.ca.credentials("rendezvous/main",
                                    {.dns_names = {"rv.example.com"}, .not_after = mesh.now + std::chrono::hours(2)});
  mesh.connect_first();
  mesh.now += std::chrono::hours(2);
  EnginePair pair(mesh);
  pair.run();
  CHECK(pair.server->resumption_refused() == ResumptionRefused::none);
  REQUIRE(pair.client_error);
  CHECK(pair.client_error->reason == Reason::certificate_expired);
}

TEST_CASE("a session is not resumed after a day, at the server or the client") {
  ResumingMesh mesh;
  mesh.connect_first();
  const std::optional<SessionState> state = parse_session_state(mesh.saved_session);
  REQUIRE(state);
  mesh.now += kMaxTicketLifetime - std::chrono::seconds(1);
  check_resumed(mesh);
  mesh.now += std::chrono::seconds(1);
  check_full(mesh, ResumptionRefused::none);
  SessionState younger = *state;  // a client that lies about its age
  younger.issued = mesh.now;
  mesh.saved_session = write_session_state(younger);
  check_full(mesh, ResumptionRefused::too_old);
}

TEST_CASE("a session that began before the client knew the time looks older than it is, never younger") {
  ResumingMesh mesh;
  SUBCASE("by a little: it is resumed") {
    mesh.client_now = ClockReading(mesh.now - 1h, ClockReading::Kind::earliest);
    mesh.connect_first();
    mesh.client_now.reset();
    check_resumed(mesh);
  }
  SUBCASE("by much: it is not offered") {
    mesh.client_now = ClockReading(mesh.now - std::chrono::days(30), ClockReading::Kind::earliest);
    mesh.connect_first();
    mesh.client_now.reset();
    check_full(mesh, ResumptionRefused::none);
  }
}

TEST_CASE("a key that was rotated once still opens, one that was rotated twice does not") {
  ResumingMesh mesh;
  mesh.connect_first();
  mesh.now += std::chrono::hours(13);
  const Bytes kept = std::exchange(mesh.saved_session, {});
  mesh.connect_first();  // rotates
  mesh.saved_session = kept;
  check_resumed(mesh);
  SessionState state = parse_session_state(kept).value();
  mesh.now += std::chrono::hours(13);
  state.issued = mesh.now;
  mesh.saved_session = {};
  mesh.connect_first();
  mesh.saved_session = write_session_state(state);
  check_full(mesh, ResumptionRefused::unknown_key);
}

TEST_CASE("a ticket with any byte changed leads to a full handshake") {
  ResumingMesh mesh;
  mesh.connect_first();
  EnginePair probe(mesh);
  const Bytes hello(probe.client->output().begin(), probe.client->output().end());
  // The ticket begins with the id of its key: what every ticket of this server has in common.
  const Bytes key_id = [&] {
    const Bytes sealed = mesh.ticket_keys->seal({}, mesh.now);
    return Bytes(sealed.begin(), sealed.begin() + 16);
  }();
  const auto found = std::search(hello.begin(), hello.end(), key_id.begin(), key_id.end());
  REQUIRE(found != hello.end());
  const auto start = static_cast<std::size_t>(found - hello.begin());
  // A library that keeps no peer certificate makes short tickets.
  const std::size_t length = hello[start - 2] * 256u + hello[start - 1];
  REQUIRE(length > 100);
  for (const std::size_t offset : {std::size_t{0}, std::size_t{15}, std::size_t{16}, std::size_t{27}, std::size_t{28},
                                   std::size_t{100}, length - 1}) {
    EnginePair pair(mesh);
    Bytes changed(pair.client->output().begin(), pair.client->output().end());
    changed[start + offset] ^= 1;
    REQUIRE(pair.server->receive(changed));
    const auto expected = offset < 16 ? ResumptionRefused::unknown_key : ResumptionRefused::forged;
    CHECK(pair.server->resumption_refused() == expected);
    // The server answers with its certificate: a resumed handshake has none.
    CHECK(pair.server->output().size() > 800);
  }
}

TEST_CASE("a saved session for another expectation is not offered") {
  ResumingMesh mesh;
  mesh.connect_first();
  SUBCASE("another host") {
    mesh.expected.host = "a.wild.example";
    check_resumed(mesh);  // the same certificate names it
    mesh.expected.host = "other.example";
  }
  SUBCASE("another id") {
    mesh.expected.spiffe_patterns = {"spiffe://mesh.test/gateway/*"};
  }
  SUBCASE("other ids, by name alone") {
    mesh.expected = {.host = "", .spiffe_patterns = {"spiffe://mesh.test/**"}, .sni = "web.home"};
    check_resumed(mesh);  // one of these is this server
    mesh.expected.spiffe_patterns = {"spiffe://mesh.test/service/web", "spiffe://mesh.test/agent/home/*"};
  }
  EnginePair pair(mesh);
  pair.run();
  CHECK_FALSE(pair.ready());
  REQUIRE(pair.client_error);
  CHECK_FALSE(pair.server->resumed());
}

TEST_CASE("a damaged saved session is ignored") {
  ResumingMesh mesh;
  mesh.connect_first();
  const Bytes good = mesh.saved_session;
  for (std::size_t n = 0; n < good.size(); n += 37) {
    mesh.saved_session.assign(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n));
    check_full(mesh, ResumptionRefused::none);
  }
  mesh.saved_session = Bytes(5000, 0xaa);
  check_full(mesh, ResumptionRefused::none);
}

TEST_CASE("a client without an identity gets no ticket") {
  ResumingMesh mesh;
  mesh.client_certificate = ClientCertificate::optional;
  mesh.connect_first();  // this one has a certificate, and resumes
  check_resumed(mesh);
}
