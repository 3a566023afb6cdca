#include "common/net/tls_byte_stream.h"

#include "common/net/socket_stream.h"
#include "tests/common/net/stream_rig.h"
#include "tests/common/tls/engine_pair.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;
using ReadKind = StreamRead::Kind;

struct NobodyPolls final : PollTarget {
  void on_ready(Readiness /*ready*/) override {}
};

// A server and a client of one mesh over TCP, and how often each owner was called.
struct Ends {
  struct Owner final : ByteStreamOwner {
    void on_stream_progress(ByteStream& /*stream*/) override { ++told; }
    int told = 0;
  };

  Ends() : server_context(mesh.server_context()), client_context(mesh.client_context()) {
    SocketPair pair = tcp_pair();
    server = make(std::move(pair.near), tls::TlsEngine::server(server_context), server_owner);
    client = make(std::move(pair.far), tls::TlsEngine::client(client_context, mesh.expected, {}), client_owner);
  }
  std::unique_ptr<TlsByteStream> make(Fd fd, Result<std::unique_ptr<tls::TlsEngine>> engine, Owner& owner) {
    REQUIRE(engine.has_value());
    NobodyPolls nobody;
    auto stream = std::make_unique<TlsByteStream>(PolledFd(worker.poller, std::move(fd), nobody), std::move(*engine),
                                                  worker.farewells);
    stream->set_owner(owner);
    stream->start({});
    return stream;
  }
  void shake() {
    REQUIRE(worker.until([&] { return server->handshake_done() && client->handshake_done(); }));
  }
  static StreamRead read(TlsByteStream& stream) {
    Bytes room(100);
    return stream.read(room);
  }
  bool reads(TlsByteStream& stream, ReadKind kind) {
    return worker.until([&] { return read(stream).kind == kind; });
  }

  Worker worker;
  fairlead::test::Mesh mesh;
  tls::TlsServerContext server_context;
  tls::TlsClientContext client_context;
  Owner server_owner, client_owner;
  std::unique_ptr<TlsByteStream> server;
  std::unique_ptr<TlsByteStream> client;
};

TEST_CASE("a handshake tells its owner, and who the peer is") {
  Ends ends;
  CHECK(ends.server_owner.told == 0);
  ends.shake();
  CHECK(ends.server_owner.told > 0);
  CHECK(ends.server->engine().peer().spiffe_id == ends.mesh.agent->spiffe_id());
  CHECK(Ends::read(*ends.server).kind == ReadKind::nothing);
}

TEST_CASE("a close_notify ends one direction, and the other goes on") {
  Ends ends;
  ends.shake();
  CHECK(ends.client->write(as_bytes("abc")) == 3);
  ends.client->shut_down();
  CHECK(ends.reads(*ends.server, ReadKind::bytes));
  CHECK(ends.reads(*ends.server, ReadKind::end));
  CHECK(Ends::read(*ends.server).kind == ReadKind::end);
  CHECK(ends.server->write(as_bytes("answer")) == 6);
  ends.server->shut_down();
  CHECK(ends.reads(*ends.client, ReadKind::bytes));
  CHECK(ends.reads(*ends.client, ReadKind::end));
  CHECK_FALSE(ends.client->error());
}

TEST_CASE("a FIN without close_notify is an abort, behind the bytes in front of it") {
  Ends ends;
  ends.shake();
  CHECK(ends.client->write(as_bytes("abc")) == 3);
  shut_down_writing(ends.client->fd());
  CHECK(ends.reads(*ends.server, ReadKind::bytes));
  CHECK(ends.reads(*ends.server, ReadKind::aborted));
  CHECK(ends.server->error()->reason == Reason::connection_lost);
  CHECK(Ends::read(*ends.server).kind == ReadKind::aborted);
}

TEST_CASE("an abort reaches the peer as one, and so does a stream that is destroyed in the middle") {
  for (const bool destroyed : {false, true}) {
    CAPTURE(destroyed);
    Ends ends;
    ends.shake();
    if (destroyed) {
      ends.client.reset();
    } else {
      ends.client->abort();
      CHECK(ends.client->write(as_bytes("x")) == 0);
    }
    CHECK(ends.reads(*ends.server, ReadKind::aborted));
    CHECK(ends.worker.until([&] { return ends.server->broken(); }));
  }
}

TEST_CASE("a peer that is refused hears the alert although the stream is destroyed at once") {
  Ends ends;
  ends.mesh.client_now = {ends.mesh.now};
  ends.mesh.now += std::chrono::years(50);
  REQUIRE(ends.worker.until([&] { return ends.server->error().has_value(); }));
  CHECK(ends.server->error()->reason == Reason::certificate_expired);
  ends.server.reset();
  REQUIRE(ends.worker.until([&] { return ends.client->error().has_value(); }));
  CHECK(ends.client->error()->detail.find("certificate_expired") != std::string::npos);
}

TEST_CASE("what nobody reads holds the writer up, and all of it arrives, the last record after the stream is gone") {
  Ends ends;
  ends.shake();
  const Pattern pattern{7};
  std::uint64_t sent = 0;
  const auto write_some_more = [&] {
    const std::size_t took = ends.client->write(pattern.at(sent, 50'000));
    sent += took;
    return took == 0;
  };
  REQUIRE(ends.worker.until(write_some_more));
  CHECK(ends.client->memory() < 40 * 1024);
  CHECK(ends.server->memory() == 0);
  CHECK(ends.client->undelivered() > 0);
  ends.client->shut_down();
  ends.client.reset();

  std::uint64_t got = 0;
  Bytes room(30'000);
  std::optional<ReadKind> end;
  REQUIRE(ends.worker.until([&] {
    const StreamRead read = ends.server->read(room);
    if (read.kind == ReadKind::bytes) {
      CHECK(pattern.matches(got, ByteView(room).first(read.count)));
      got += read.count;
    } else if (read.kind != ReadKind::nothing) {
      end = read.kind;
    }
    return end.has_value();
  }));
  CHECK(*end == ReadKind::end);
  CHECK(got == sent);
}

}  // namespace
}  // namespace fairlead::net
