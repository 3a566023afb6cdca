#include "common/tls/tls_engine.h"

#include "common/base/check.h"
#include "common/base/pattern.h"
#include "common/tls/connection.h"

namespace fairlead::tls {

TlsEngine::TlsEngine(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
TlsEngine::~TlsEngine() = default;

Result<std::unique_ptr<TlsEngine>> TlsEngine::server(TlsServerContext& context) {
  auto connection = std::make_unique<Connection>(context.config_, nullptr);
  if (auto ready = connection->setup(); !ready) return tl::unexpected(ready.error());
  return std::unique_ptr<TlsEngine>(new TlsEngine(std::move(connection)));
}

Result<std::unique_ptr<TlsEngine>> TlsEngine::client(TlsClientContext& context, const ServerExpectation& expected,
                                                     ByteView saved_session) {
  if (expected.spiffe_patterns.empty()) return fail(Reason::config_invalid, "nobody is expected to answer");
  for (const std::string& pattern : expected.spiffe_patterns) {
    if (!pattern_valid(PatternKind::spiffe, pattern))
      return fail(Reason::config_invalid, pattern + ": not a pattern of SPIFFE ids");
  }
  auto connection = std::make_unique<Connection>(context.config_, &expected);
  if (auto ready = connection->setup(); !ready) return tl::unexpected(ready.error());
  connection->offer(saved_session);
  if (auto started = connection->receive({}); !started) return tl::unexpected(started.error());
  return std::unique_ptr<TlsEngine>(new TlsEngine(std::move(connection)));
}

Result<void> TlsEngine::receive(ByteView ciphertext) {
  return connection_->receive(ciphertext);
}
ByteView TlsEngine::output() const {
  return connection_->output().view();
}
void TlsEngine::sent(std::size_t n) {
  connection_->output().take(n);
}
bool TlsEngine::stalled() const {
  return connection_->stalled();
}
ByteView TlsEngine::plaintext() const {
  return connection_->plaintext();
}
void TlsEngine::consumed(std::size_t n) {
  connection_->consumed(n);
}
Result<void> TlsEngine::write(ByteView plaintext) {
  return connection_->write(plaintext);
}

bool TlsEngine::handshake_done() const {
  return connection_->peer().has_value();
}
bool TlsEngine::resumed() const {
  return connection_->resumed();
}
ResumptionRefused TlsEngine::resumption_refused() const {
  return connection_->resumption_refused();
}

const PeerIdentity& TlsEngine::peer() const {
  CHECK(handshake_done());
  return *connection_->peer();
}

std::string_view TlsEngine::protocol() const {
  return connection_->protocol();
}
std::string TlsEngine::alpn() const {
  return connection_->alpn();
}
std::optional<std::uint8_t> TlsEngine::peer_alert() const {
  return connection_->peer_alert();
}
bool TlsEngine::peer_closed() const {
  return connection_->state() == Connection::State::peer_closed;
}
void TlsEngine::close() {
  connection_->close();
}
Bytes TlsEngine::save_session() const {
  return connection_->saved_session();
}

}  // namespace fairlead::tls
