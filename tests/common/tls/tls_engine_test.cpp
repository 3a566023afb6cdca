#include "common/tls/tls_engine.h"

#include <algorithm>
#include <thread>

#include "tests/common/tls/engine_pair.h"
#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::test;
using namespace fairlead::tls;

namespace {

Bytes pattern(std::size_t n) {
  Bytes out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::uint8_t>(i * 31 + i / 251);
  return out;
}

}  // namespace

TEST_CASE("both sides know each other after the handshake") {
  Mesh mesh;
  EnginePair pair(mesh);
  CHECK_FALSE(pair.ready());
  pair.run();
  REQUIRE(pair.ready());
  CHECK(pair.server->peer().spiffe_id == "spiffe://mesh.test/agent/home/nas1");
  CHECK(pair.server->peer().leaf_hash == mesh.agent->leaf_hash());
  CHECK(pair.server->peer().not_after == mesh.agent->not_after());
  CHECK(pair.client->peer().spiffe_id == "spiffe://mesh.test/rendezvous/main");
  CHECK(pair.client->peer().dns_names == mesh.server->dns_names());
  CHECK(pair.client->peer().ip_addresses == mesh.server->ip_addresses());
  CHECK(pair.server->alpn() == "fairlead/1");
  CHECK(pair.client->alpn() == "fairlead/1");
  CHECK_FALSE(pair.server->resumed());
  CHECK_FALSE(pair.client->resumed());
  CHECK(pair.client->save_session().empty());  // no ticket keys, no ticket
}

TEST_CASE("the handshake and data arrive whatever the fragments") {
  Mesh mesh;
  for (const std::size_t chunk : {1, 2, 3, 5, 7, 64, 1000}) {
    CAPTURE(chunk);
    EnginePair pair(mesh);
    pair.run(chunk);
    REQUIRE(pair.ready());
    REQUIRE(pair.client->write(as_bytes("hello")));
    REQUIRE(pair.server->write(as_bytes("welcome")));
    pair.run(chunk);
    CHECK(take_text(*pair.server) == "hello");
    CHECK(take_text(*pair.client) == "welcome");
  }
}

TEST_CASE("100 KiB both ways, decryption pausing at the bound") {
  Mesh mesh;
  EnginePair pair(mesh);
  pair.run();
  const Bytes sent = pattern(100 * 1024);
  REQUIRE(pair.client->write(sent));
  REQUIRE(pair.server->write(sent));
  pair.run();
  for (TlsEngine* side : {pair.server.get(), pair.client.get()}) {
    CHECK(side->stalled());
    CHECK(side->plaintext().size() < kMaxPlaintextQueued + 16384);
    std::string received;
    while (!side->plaintext().empty()) received += take_text(*side);
    CHECK(as_text(sent) == received);
    CHECK_FALSE(side->stalled());
  }
  CHECK_FALSE(pair.server_error);
  CHECK_FALSE(pair.client_error);
}

TEST_CASE("what stands behind a pause is found when there is room: the end, or an error") {
  Mesh mesh;
  EnginePair pair(mesh);
  pair.run();
  REQUIRE(pair.client->write(pattern(70 * 1024)));
  pair.client->close();
  Bytes stream(pair.client->output().begin(), pair.client->output().end());
  SUBCASE("the end") {
    REQUIRE(pair.server->receive(stream));
    CHECK(pair.server->stalled());
    CHECK_FALSE(pair.server->peer_closed());
    std::size_t total = 0;
    while (!pair.server->plaintext().empty()) total += take_text(*pair.server).size();
    CHECK(total == 70 * 1024);
    CHECK(pair.server->peer_closed());
  }
  SUBCASE("an error") {
    stream.back() ^= 1;
    REQUIRE(pair.server->receive(stream));
    while (!pair.server->plaintext().empty()) take_text(*pair.server);
    CHECK_FALSE(pair.server->peer_closed());
    CHECK_FALSE(pair.server->output().empty());  // the alert
    CHECK_FALSE(pair.server->receive({}));
  }
}

TEST_CASE("data that comes in one piece with the last handshake message is not lost") {
  Mesh mesh;
  EnginePair pair(mesh);
  Bytes late;
  // The client finishes first when the session is resumed, the server first otherwise: collect what the server sends
  // with its Finished and what it writes right after.
  while (!pair.server->handshake_done()) {
    move_output(*pair.client, *pair.server, SIZE_MAX, pair.server_error);
    if (!pair.server->handshake_done()) move_output(*pair.server, *pair.client, SIZE_MAX, pair.client_error);
  }
  REQUIRE_FALSE(pair.client->handshake_done());
  REQUIRE(pair.server->write(as_bytes("early bird")));
  move_output(*pair.server, *pair.client, SIZE_MAX, pair.client_error);
  REQUIRE(pair.client->handshake_done());
  CHECK(take_text(*pair.client) == "early bird");
}

TEST_CASE("close_notify ends one direction in order") {
  Mesh mesh;
  EnginePair pair(mesh);
  pair.run();
  REQUIRE(pair.client->write(as_bytes("last words")));
  pair.client->close();
  pair.client->close();
  pair.run();
  CHECK(pair.server->peer_closed());
  CHECK(take_text(*pair.server) == "last words");
  CHECK_FALSE(pair.client->peer_closed());
  REQUIRE(pair.server->write(as_bytes("answer")));
  pair.server->close();
  pair.run();
  CHECK(take_text(*pair.client) == "answer");
  CHECK(pair.client->peer_closed());
  CHECK_FALSE(pair.server_error);
  CHECK_FALSE(pair.client_error);
  CHECK(pair.client->receive(as_bytes("nothing counts any more")));
}

TEST_CASE("a stream that is cut is not a stream that was closed") {
  Mesh mesh;
  EnginePair pair(mesh);
  pair.run();
  REQUIRE(pair.client->write(as_bytes("half of this arrives")));
  const Bytes record(pair.client->output().begin(), pair.client->output().end());
  for (std::size_t n = 0; n < record.size(); ++n)
    REQUIRE(pair.server->receive(ByteView(record).subspan(n, 1)).has_value());
  CHECK(take_text(*pair.server) == "half of this arrives");
  CHECK_FALSE(pair.server->peer_closed());
}

TEST_CASE("plaintext and noise instead of a handshake are refused with an alert") {
  Mesh mesh;
  for (const std::string_view noise :
       {std::string_view("GET / HTTP/1.1\r\nHost: rv.example.com\r\n\r\n"), std::string_view("SSH-2.0-OpenSSH_9.2\r\n"),
        std::string_view("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10),
        std::string_view("\x80\x2e\x01\x03\x01\x00\x15", 7)}) {
    EnginePair pair(mesh);
    const auto refused = pair.server->receive(as_bytes(noise));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().reason == Reason::handshake_failed);
    REQUIRE(pair.server->output().size() >= 7);
    CHECK(pair.server->output()[0] == 21);
    const auto again = pair.server->receive({});
    REQUIRE_FALSE(again);
    CHECK(again.error().reason == refused.error().reason);
    CHECK_FALSE(pair.server->handshake_done());
  }
}

TEST_CASE("every changed bit of a handshake message fails it") {
  Mesh mesh;
  std::size_t completed = 0;
  EnginePair reference(mesh);
  const std::size_t hello_size = reference.client->output().size();
  for (std::size_t i = 0; i < hello_size; i += 3) {
    EnginePair pair(mesh);
    Bytes hello(pair.client->output().begin(), pair.client->output().end());
    pair.client->sent(hello.size());
    hello[i] ^= 0x10;
    const auto taken = pair.server->receive(hello);
    if (!taken) continue;
    pair.run();
    completed += pair.ready() ? 1 : 0;
  }
  // Finished covers every byte of every handshake message; only the record header's minor version is outside of it.
  CHECK(completed <= 1);
}

TEST_CASE("a changed record ends the connection; what came before stays readable") {
  Mesh mesh;
  EnginePair pair(mesh);
  pair.run();
  REQUIRE(pair.client->write(as_bytes("good")));
  pair.run();
  REQUIRE(pair.client->write(as_bytes("evil")));
  Bytes record(pair.client->output().begin(), pair.client->output().end());
  record.back() ^= 1;
  const auto refused = pair.server->receive(record);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == Reason::protocol_error);
  CHECK(pair.server->output()[0] == 21);
  CHECK(take_text(*pair.server) == "good");
  CHECK(pair.server->peer().spiffe_id == "spiffe://mesh.test/agent/home/nas1");
  CHECK_FALSE(pair.server->write(as_bytes("x")));
  pair.run();
  REQUIRE(pair.client_error);
  CHECK(pair.client_error->detail.find("bad_record_mac") != std::string::npos);
}

TEST_CASE("a replayed record is refused") {
  Mesh mesh;
  EnginePair pair(mesh);
  pair.run();
  REQUIRE(pair.client->write(as_bytes("once")));
  const Bytes record(pair.client->output().begin(), pair.client->output().end());
  REQUIRE(pair.server->receive(record));
  CHECK_FALSE(pair.server->receive(record));
  CHECK(take_text(*pair.server) == "once");
}

TEST_CASE("application protocols must agree") {
  Mesh mesh;
  SUBCASE("none in common") {
    mesh.client_alpn = {"h2"};
  }
  SUBCASE("the client offers none") {
    mesh.client_alpn = {};
  }
  SUBCASE("the server has none") {
    mesh.server_alpn = {};
  }
  EnginePair pair(mesh);
  pair.run();
  CHECK_FALSE(pair.ready());
  // One refuses, the other hears of it.
  REQUIRE(pair.server_error);
  REQUIRE(pair.client_error);
  CHECK(
      (pair.server_error->reason == Reason::handshake_failed || pair.client_error->reason == Reason::handshake_failed));
}

TEST_CASE("the server's preference among common protocols decides") {
  Mesh mesh;
  mesh.client_alpn = {"fairlead-verify/1", "fairlead/1"};
  EnginePair pair(mesh);
  pair.run();
  REQUIRE(pair.ready());
  CHECK(pair.client->alpn() == "fairlead/1");
  CHECK(pair.server->alpn() == "fairlead/1");
}

TEST_CASE("a hello without the extended master secret is refused on either side") {
  Mesh mesh;
  const auto rename = [](Bytes flight) {
    const Bytes extension = {0x00, 0x17, 0x00, 0x00};
    const auto found = std::search(flight.begin(), flight.end(), extension.begin(), extension.end());
    REQUIRE(found != flight.end());
    *found = 0x7a;  // an extension that nobody knows
    return flight;
  };
  EnginePair pair(mesh);
  const Bytes client_hello(pair.client->output().begin(), pair.client->output().end());
  SUBCASE("from the client") {
    const auto refused = pair.server->receive(rename(client_hello));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail.find("RFC 7627") != std::string::npos);
    CHECK(pair.server->output()[0] == 21);
  }
  SUBCASE("from the server") {
    REQUIRE(pair.server->receive(client_hello));
    const auto refused =
        pair.client->receive(rename(Bytes(pair.server->output().begin(), pair.server->output().end())));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().reason == Reason::handshake_failed);
    CHECK(refused.error().detail.find("RFC 7627") != std::string::npos);
  }
}

TEST_CASE("a name that was dialled is sent as SNI, an address is not") {
  Mesh mesh;
  const auto hello_contains = [&mesh](std::string_view text) {
    EnginePair pair(mesh);
    return as_text(pair.client->output()).find(text) != std::string_view::npos;
  };
  CHECK(hello_contains("rv.example.com"));
  mesh.expected.host = "RV.example.com.";
  CHECK(hello_contains("rv.example.com"));
  mesh.expected.host = "192.0.2.1";
  CHECK_FALSE(hello_contains("192.0.2.1"));
}

TEST_CASE("expectations that cannot be used are errors") {
  Mesh mesh;
  auto context = mesh.client_context();
  CHECK_FALSE(TlsEngine::client(context, {"rv.example.com", {"spiffe://a*b/c"}}, {}));
  CHECK_FALSE(TlsEngine::client(context, {std::string(300, 'a'), {"spiffe://mesh.test/x"}}, {}));
}

TEST_CASE("threads with contexts of their own share credentials") {
  Mesh mesh;
  std::vector<std::thread> threads;
  std::vector<int> done(4, 0);
  for (int& count : done) {
    threads.emplace_back([&mesh, &count] {
      auto server_context = mesh.server_context();
      auto client_context = mesh.client_context();
      for (int i = 0; i < 5; ++i) {
        const auto server = TlsEngine::server(server_context).value();
        const auto client = TlsEngine::client(client_context, mesh.expected, {}).value();
        std::optional<Error> error;
        while (move_output(*client, *server, SIZE_MAX, error) || move_output(*server, *client, SIZE_MAX, error)) {
        }
        count += client->handshake_done() && server->handshake_done() && !error ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : done) CHECK(count == 5);
}
