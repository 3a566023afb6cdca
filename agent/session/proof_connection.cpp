#include "agent/session/proof_connection.h"

#include "common/net/socket.h"

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
  auto connecting = net::connect_tcp(server, {.source = from, .buffers = share.buffers});
  if (!connecting) return loop.timers().arm(timer_, loop.now());
  fd_ = net::PolledFd(poller_, std::move(*connecting), *this);
  loop.timers().arm(timer_, loop.now() + kProofTime);
}

void ProofConnection::on_ready(net::Readiness ready) {
  if (stream_ || !(ready.writable || ready.hung_up)) return;
  if (net::connect_result(fd_.get())) return finish();
  auto engine = tls::TlsEngine::client(context_, expected_, {});
  if (!engine) return finish();
  stream_ = std::make_unique<net::TlsStream>(poller_, fd_.release(), std::move(*engine), *this);
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
  fd_.reset();
  if (stream_) stream_->finish();
  const OnDone done = std::move(on_done_);
  on_done_ = nullptr;
  done(*this);
}

}  // namespace fairlead::agent
