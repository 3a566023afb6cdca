#include "tests/common/tls/engine_pair.h"

#include <algorithm>

#include "tests/support/doctest.h"

namespace fairlead::test {

tls::TlsServerContext Mesh::server_context() {
  return tls::TlsServerContext(
      {server, server_alpn, ticket_keys, [this] { return now; }, client_certificate, profile, allow});
}

tls::TlsClientContext Mesh::client_context() {
  return tls::TlsClientContext({agent, client_alpn, [this] { return client_now.value_or(now); }, profile});
}

EnginePair::EnginePair(Mesh& mesh) {
  auto server_context = mesh.server_context();
  auto client_context = mesh.client_context();
  auto made_server = tls::TlsEngine::server(server_context);
  auto made_client = tls::TlsEngine::client(client_context, mesh.expected, mesh.saved_session);
  REQUIRE(made_server.has_value());
  REQUIRE_MESSAGE(made_client.has_value(), (made_client ? "" : made_client.error().detail));
  server = std::move(*made_server);
  client = std::move(*made_client);
}

bool move_output(tls::TlsEngine& from, tls::TlsEngine& to, std::size_t chunk, std::optional<Error>& error) {
  const ByteView waiting = from.output();
  if (waiting.empty()) return false;
  const Bytes piece(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(std::min(chunk, waiting.size())));
  from.sent(piece.size());
  const auto taken = to.receive(piece);
  if (!taken && !error) error = taken.error();
  return true;
}

void EnginePair::run(std::size_t chunk) {
  for (bool moving = true; moving;) {
    const bool up = move_output(*client, *server, chunk, server_error);
    const bool down = move_output(*server, *client, chunk, client_error);
    moving = up || down;
  }
}

std::string take_text(tls::TlsEngine& engine) {
  const std::string text(as_text(engine.plaintext()));
  engine.consumed(text.size());
  return text;
}

}  // namespace fairlead::test
