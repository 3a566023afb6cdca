#pragma once
// Both ends of a mutual-TLS connection over a socket pair, driven by one worker: real engines, nothing in between.
#include <memory>

#include "common/net/tls_stream.h"
#include "tests/common/net/rig.h"
#include "tests/common/tls/engine_pair.h"

namespace fairlead::net::test {

struct NobodyListens final : TlsStreamOwner {
  void on_tls_progress(TlsStream& /*stream*/) override {}
};

struct TlsEnds {
  // Begins the handshake; until() waits for its end.
  explicit TlsEnds(Worker& on, fairlead::test::Mesh& mesh)
      : server_context(mesh.server_context()), client_context(mesh.client_context()) {
    auto pair = unix_pair();
    auto server_engine = tls::TlsEngine::server(server_context);
    auto client_engine = tls::TlsEngine::client(client_context, mesh.expected, mesh.saved_session);
    REQUIRE(server_engine.has_value());
    REQUIRE(client_engine.has_value());
    server = std::make_unique<TlsStream>(on.poller, std::move(pair.near), std::move(*server_engine), nobody);
    client = std::make_unique<TlsStream>(on.poller, std::move(pair.far), std::move(*client_engine), nobody);
    server->start({});
    client->start({});
  }
  bool shaken() const { return server->handshake_done() && client->handshake_done(); }

  NobodyListens nobody;
  tls::TlsServerContext server_context;
  tls::TlsClientContext client_context;
  std::unique_ptr<TlsStream> server;
  std::unique_ptr<TlsStream> client;
};

}  // namespace fairlead::net::test
