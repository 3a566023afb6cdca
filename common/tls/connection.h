#pragma once
// The inside of TlsEngine: one library connection between two byte queues. Internal to this folder.
#include <memory>
#include <optional>
#include <string>

#include "common/tls/byte_queue.h"
#include "common/tls/hello_watch.h"
#include "common/tls/shared_config.h"
#include "common/tls/tls_engine.h"

namespace fairlead::tls {

//   handshaking --last message--> open --close_notify from the peer--> peer_closed
//        `-------- any error --------+-----------------> failed
class TlsEngine::Connection {
 public:
  enum class State : std::uint8_t {
    handshaking,  // waiting for the peer's next handshake messages
    open,         // data both ways
    peer_closed,  // the peer will send nothing more; we may
    failed,       // `failure` says why; nothing is taken or given any more
  };

  Connection(std::shared_ptr<SharedConfig> config, const ServerExpectation* expected);

  Result<void> setup();
  void offer(ByteView saved_session);
  Result<void> receive(ByteView ciphertext);
  Result<void> write(ByteView plaintext);
  void consumed(std::size_t n);
  void close();

  State state() const { return state_; }
  bool stalled() const;
  bool resumed() const { return restored_.has_value(); }
  ResumptionRefused resumption_refused() const { return exchange_.refused; }
  // Null before the handshake is done; it stays when the connection fails later.
  const std::optional<PeerIdentity>& peer() const { return peer_; }
  std::string alpn() const;
  ByteView plaintext() const { return plaintext_.view(); }
  ByteQueue& output() { return output_; }
  const Bytes& saved_session() const { return saved_session_; }

 private:
  enum class HandshakeKind : std::uint8_t { resumed, full };

  static int on_send(void* self, const unsigned char* data, std::size_t size);
  static int on_receive(void* self, unsigned char* out, std::size_t size);

  Result<void> watch_hello(ByteView ciphertext);
  Result<void> handshake();
  Result<void> finish_handshake();
  Result<void> decrypt();
  void save_session();
  tl::unexpected<Error> failed(Error error);
  Error handshake_error(int code);
  std::string error_text(int code);

  const std::shared_ptr<SharedConfig> config_;
  const std::optional<ServerExpectation> expected_;  // null: the peer is a client
  PeerVerifier verifier_;
  HelloWatch hello_;
  TicketExchange exchange_;               // server
  std::optional<SessionState> offered_;   // client: what it asked to resume
  std::optional<SessionState> restored_;  // the session that was resumed
  std::optional<PeerIdentity> peer_;
  Bytes saved_session_;
  State state_ = State::handshaking;
  HandshakeKind kind_ = HandshakeKind::resumed;  // until the server's certificate shows otherwise
  bool alert_sent_ = false;
  bool close_sent_ = false;
  std::optional<Error> failure_;
  ByteQueue inbox_;
  ByteQueue output_;
  ByteQueue plaintext_;
  OwnedSsl ssl_;  // last: it refers to everything above
};

}  // namespace fairlead::tls
