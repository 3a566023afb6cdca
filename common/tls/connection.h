#pragma once
// The inside of TlsEngine: one library connection between two byte queues. Internal to this folder.
#include <memory>
#include <optional>
#include <string>

#include "common/base/byte_queue.h"
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

  // `expected` is null when the peer is a client.
  Connection(std::shared_ptr<SharedConfig> config, const ServerExpectation* expected);

  Result<void> setup();
  void offer(ByteView saved_session);
  Result<void> receive(ByteView ciphertext);
  Result<void> write(ByteView plaintext);
  void consumed(std::size_t n);
  void close();

  State state() const { return state_; }
  bool stalled() const;
  bool resumed() const { return resumed_; }
  ResumptionRefused resumption_refused() const {
    return handshake_ ? handshake_->exchange.refused : resumption_refused_;
  }
  // Null before the handshake is done; it stays when the connection fails later.
  const std::optional<PeerIdentity>& peer() const { return peer_; }
  // The fatal alert by which the peer ended the connection.
  std::optional<std::uint8_t> peer_alert() const { return peer_alert_; }
  std::string_view protocol() const;
  std::string alpn() const;
  ByteView plaintext() const { return plaintext_.view(); }
  ByteQueue& output() { return output_; }
  const Bytes& saved_session() const { return saved_session_; }

 private:
  enum class HandshakeKind : std::uint8_t { resumed, full };

  // What nobody asks for once the connection is open: more than all the rest, and idle connections are many.
  struct Handshake {
    Handshake(const SharedConfig& config, const ServerExpectation* wanted);
    Handshake(const Handshake&) = delete;
    Handshake& operator=(const Handshake&) = delete;

    const std::optional<ServerExpectation> expected;  // none: the peer is a client
    const ClientClock& clock;                         // judges this peer
    PeerVerifier verifier;
    HelloWatch hello;
    TicketExchange exchange;                      // server
    std::optional<SessionState> offered;          // client: what it asked to resume
    HandshakeKind kind = HandshakeKind::resumed;  // until the server's certificate shows otherwise
  };

  static int on_send(void* self, const unsigned char* data, std::size_t size);
  static int on_receive(void* self, unsigned char* out, std::size_t size);

  Result<void> watch_hello(ByteView ciphertext);
  Result<void> shake_hands();
  Result<void> finish_handshake();
  void forget_handshake();
  Result<void> decrypt();
  void save_session(WallTime issued);
  tl::unexpected<Error> failed(Error error);
  Error handshake_error(int code);
  std::string error_text(int code);

  const std::shared_ptr<SharedConfig> config_;
  std::unique_ptr<Handshake> handshake_;  // null once open
  std::optional<PeerIdentity> peer_;
  Bytes saved_session_;
  State state_ = State::handshaking;
  ResumptionRefused resumption_refused_ = ResumptionRefused::none;
  bool resumed_ = false;
  bool alert_sent_ = false;
  bool close_sent_ = false;
  std::optional<Error> failure_;
  std::optional<std::uint8_t> peer_alert_;
  ByteQueue inbox_;
  ByteQueue output_;
  ByteQueue plaintext_;
  OwnedSsl ssl_;  // last: it refers to everything above
};

}  // namespace fairlead::tls
