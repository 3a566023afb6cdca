#include "agent/session/proof_connection.h"

namespace fairlead::agent {

ProofConnection::ProofConnection(net::Poller& poller, tls::TlsClientContext& context, tls::ServerExpectation expected,
                                 const wire::VerifyNonce& nonce, OnDone on_done)
    : poller_(poller),
      context_(context),
      expected_(std::move(expected)),
      nonce_(nonce),
      on_done_(std::move(on_done)),
      timer_([](void* self) { static_cast<ProofConnection*>(self)->finish(); }, this) {}

void ProofConnection::start(const SocketAddress& server, const IpAddress& from, const RelayShare& share) {
  share_ = share;
  auto& loop = poller_.loop();
  loop.timers().arm(timer_, loop.now() + kProofTime);
  dial_ = std::make_unique<net::Connector>(
      poller_, net::ConnectOptions{.source = from, .buffers = share.buffers}, nullptr,
      [this](Result<net::Connection> connection) { on_connected(std::move(connection)); });
  dial_->start({server}, kProofTime);
}

void ProofConnection::on_connected(Result<net::Connection> connection) {
  if (!connection) return finish();
  auto engine = tls::TlsEngine::client(context_, expected_, {});
  if (!engine) return finish();
  stream_ = std::make_unique<net::TlsStream>(poller_, connection->fd.release(), std::move(*engine), *this);
  stream_->start({});
}

void ProofConnection::on_tls_progress(net::TlsStream& stream) {
  if (!said_ && stream.handshake_done() && !stream.error()) {
    said_ = true;
    Bytes message;
    ByteWriter writer(message);
    wire::write_control_message(nonce_, writer);
    stream.write(message);
  }
  stream.consumed(stream.plaintext().size());
  if (stream.error()) finish();  // the rendezvous closes when it has read it
}

void ProofConnection::finish() {
  if (!on_done_) return;
  timer_.cancel();
  dial_.reset();
  if (stream_) stream_->finish();
  const OnDone done = std::move(on_done_);
  on_done_ = nullptr;
  done(*this);
}

}  // namespace fairlead::agent
