#pragma once
// TLS that ends in this program as a ByteStream, so that it can be one end of a StreamRelay: a tls::TlsEngine, server
// or client, over a socket. See byte_stream.h for the contract. One loop; owned by whoever relays it.
//
//   TlsByteStream stream(fd, engine, farewells);
//   stream.set_owner(me);  stream.start(bytes read before)
//   on_stream_progress:    until handshake_done() or error(); then set_owner(relay), or destroy it: an alert still goes
//   out
//
//   read         ciphertext is read only when somebody wants plaintext: pressure is the socket's own. A close_notify
//                reads as the end; a FIN without one as aborted, for the stream was cut off.
//   write        one record of 16 KiB waits at most for room in the socket
//   shut_down    close_notify, then FIN; what a destroyed stream had still to say is said within kLeaveWithin
//   abort        a reset without close_notify
#include <memory>
#include <optional>

#include "common/net/byte_stream.h"
#include "common/net/farewell.h"
#include "common/net/poller.h"
#include "common/tls/tls_engine.h"

namespace fairlead::net {

class TlsByteStream final : public ByteStream, private PollTarget {
 public:
  // How long the last record of an orderly end may wait for a peer that reads slowly.
  static constexpr Duration kLeaveWithin = 30s;

  // Takes a socket over from its former target. `farewells` is of the same poller and outlives the stream.
  TlsByteStream(PolledFd fd, std::unique_ptr<tls::TlsEngine> engine, Farewells& farewells);
  ~TlsByteStream() override;

  // Begins the handshake; `already_read` are bytes that somebody else read from the socket.
  void start(ByteView already_read);
  bool handshake_done() const { return engine_->handshake_done(); }
  // Why it broke: a reason of the handshake, or connection_lost, also for a stream that was cut off.
  const std::optional<Error>& error() const { return error_; }
  const tls::TlsEngine& engine() const { return *engine_; }
  int fd() const { return fd_.get(); }

  void set_owner(ByteStreamOwner& owner) override { owner_ = &owner; }
  StreamRead read(MutableBytes into) override;
  std::size_t write(ByteView bytes) override;
  void shut_down() override;
  void abort() override;
  bool broken() const override { return broken_; }
  std::size_t undelivered() const override;
  std::size_t memory() const override { return engine_->output().size() + engine_->plaintext().size(); }

 private:
  void on_ready(Readiness ready) override;
  void shake_hands();
  enum class Pulled { something, nothing };
  Pulled pull();
  void feed(ByteView ciphertext);
  void flush();
  void break_off(Error error);

  PolledFd fd_;
  std::unique_ptr<tls::TlsEngine> engine_;
  Farewells& farewells_;
  ByteStreamOwner* owner_ = nullptr;  // null until set
  std::optional<Error> error_;        // reading is over
  bool broken_ = false;               // writing is over
  bool shut_ = false;
  bool fin_sent_ = false;
};

}  // namespace fairlead::net
