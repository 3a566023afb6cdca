#pragma once
// One TLS 1.2 connection over memory (Shape B): ciphertext in, ciphertext out, no socket and no clock of its own.
// Mutual TLS with SPIFFE identities, ECDHE-ECDSA with AEAD suites, extended master secret required (RFC 7627), no
// renegotiation, session tickets (RFC 5077). Serves the control channel (net::TlsStream drives it). Belongs to its
// context's thread.
//
//   engine.receive(bytes from the socket)      handshake, then decryption
//   send engine.output(); engine.sent(n)       after every other call there may be more
//   use engine.plaintext(); engine.consumed(n)
//   while engine.stalled(): read nothing from the socket; consumed() goes on decrypting what is held back
#include <memory>
#include <optional>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/tls/peer_certificate.h"
#include "common/tls/server_expectation.h"
#include "common/tls/tls_context.h"

namespace fairlead::tls {

// Decryption pauses when this much plaintext waits to be consumed; one record more may be added to it.
inline constexpr std::size_t kMaxPlaintextQueued = 64 * 1024;

class TlsEngine {
 public:
  static Result<std::unique_ptr<TlsEngine>> server(TlsServerContext& context);
  // `saved_session` comes from save_session() of an earlier connection, or is empty. One that does not fit any more
  // (other certificate, CA bundle or expectation, ended) is not offered. The ClientHello is in output() at once.
  static Result<std::unique_ptr<TlsEngine>> client(TlsClientContext& context, const ServerExpectation& expected,
                                                   ByteView saved_session);
  ~TlsEngine();
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  // Takes all of it. After an error the alert to send is in output(), and every later call returns the same error.
  Result<void> receive(ByteView ciphertext);
  ByteView output() const;
  void sent(std::size_t n);

  // Ciphertext waits because plaintext() is full.
  bool stalled() const;
  ByteView plaintext() const;
  // Views of plaintext() end here. Decryption goes on if it was paused: there may be plaintext, output(), peer_closed()
  // or, told by the next receive() or write(), an error after it.
  void consumed(std::size_t n);
  // Encrypts everything into output(): the caller bounds what it queues. Only after handshake_done(), before close().
  Result<void> write(ByteView plaintext);

  bool handshake_done() const;  // and stays so when the connection fails later
  bool resumed() const;
  // Server: why the ticket that the client offered was not used. None when there was none.
  ResumptionRefused resumption_refused() const;
  // After handshake_done(). Empty spiffe_id: the client has no certificate (ClientCertificate::optional).
  const PeerIdentity& peer() const;
  std::string_view protocol() const;  // "TLSv1.2"
  std::string alpn() const;

  // The fatal alert by which the peer ended the connection, after receive() or write() failed of it (IANA "TLS
  // Alerts").
  std::optional<std::uint8_t> peer_alert() const;
  // The peer sent close_notify; what came before it is in plaintext().
  bool peer_closed() const;
  // Queues close_notify once; nothing can be written after it.
  void close();

  // Client, after handshake_done(): what a later connection needs to resume; empty when the server gave no ticket.
  // It holds key material: keep it in memory, or in a file of mode 0600.
  Bytes save_session() const;

 private:
  class Connection;
  explicit TlsEngine(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace fairlead::tls
