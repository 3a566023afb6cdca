#pragma once
// Drives a TlsEngine over a socket in a Poller: the control channel of both programs. One loop; its owner holds it and
// retires it (Loop::retire), for it may be running when the owner decides to end it.
//
// After everything that moved, the owner is called once (on_tls_progress) and looks: error(), handshake_done(),
// plaintext(). The stream never calls more than that.
#include <memory>
#include <optional>

#include "common/net/poller.h"
#include "common/tls/tls_engine.h"

namespace fairlead::net {

class TlsStream;

class TlsStreamOwner {
 public:
  virtual ~TlsStreamOwner() = default;
  virtual void on_tls_progress(TlsStream& stream) = 0;
};

class TlsStream final : public PollTarget {
 public:
  TlsStream(Poller& poller, Fd fd, std::unique_ptr<tls::TlsEngine> engine, TlsStreamOwner& owner);

  // Begins; `already_read` are bytes that somebody else read from the socket. May call the owner.
  void start(ByteView already_read);

  // From now on this one is called: who takes a connection over after its handshake. It looks at once by itself.
  void hand_to(TlsStreamOwner& owner) { owner_ = &owner; }

  tls::TlsEngine& engine() { return *engine_; }
  const tls::TlsEngine& engine() const { return *engine_; }
  int fd() const { return fd_.get(); }
  bool handshake_done() const { return engine_->handshake_done(); }
  // Why it broke: a reason of the handshake, connection_lost, or completed for an orderly end by the peer.
  const std::optional<Error>& error() const { return error_; }
  ByteView plaintext() const { return engine_->plaintext(); }
  void consumed(std::size_t n) { engine_->consumed(n); }

  // Encrypts and sends what the socket takes. Look at congested() before: what is written is queued.
  void write(ByteView plaintext);
  bool congested() const { return !engine_->output().empty(); }
  // Sends close_notify (or the alert that stands in the engine) and ends writing; for the polite end of a connection.
  void finish();

 private:
  void on_ready(Readiness ready) override;
  void read_input();
  void feed(ByteView ciphertext);
  void flush();

  PolledFd fd_;
  std::unique_ptr<tls::TlsEngine> engine_;
  TlsStreamOwner* owner_;
  std::optional<Error> error_;
};

}  // namespace fairlead::net
