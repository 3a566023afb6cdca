#pragma once
// What connections of one thread share: identity, trust, ALPN, ticket keys, clock. A context belongs to one thread, as
// do its engines; an engine keeps alive what it needs, so a context may be replaced (reload) while engines live.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/tls/clock.h"
#include "common/tls/credentials.h"
#include "common/tls/ticket_keys.h"

namespace fairlead::tls {

// Defined in the folder's own shared_config.h.
struct SharedConfig;

// What is spoken. Both: TLS 1.2, ECDHE with AEAD suites, extended master secret, no renegotiation.
enum class Profile : std::uint8_t {
  session,  // between our own programs: P-256 alone, records of 2 KiB
  service,  // with everybody's programs: P-256, X25519 and P-384, chains of these or of RSA, records of 16 KiB
};

enum class ClientCertificate : std::uint8_t { required, optional };

// Of a client that offers no application protocol at all. One that offers others only is refused either way.
enum class AlpnRule : std::uint8_t { required, if_offered };

// Whether a client whose certificate is good is let in. Asked within each handshake, so that the refusal is an alert of
// the error's reason; a resumed session would not be asked, so there are no tickets with it.
using ClientRule = std::function<Result<void>(const PeerIdentity&)>;

struct TlsServerOptions {
  std::shared_ptr<const Credentials> credentials;
  std::vector<std::string> alpn;            // by preference; empty: none is chosen
  std::shared_ptr<TicketKeys> ticket_keys;  // null: no resumption
  WallClock clock;
  ClientCertificate client_certificate = ClientCertificate::required;
  Profile profile = Profile::session;
  ClientRule allow;        // null: everybody whom the CA vouches for
  bool show_root = false;  // the CA that signed the chain is sent with it: for clients that know only its key's hash
  AlpnRule alpn_rule = AlpnRule::required;
};

struct TlsClientOptions {
  std::shared_ptr<const Credentials> credentials;  // null for a device without an identity: then `ca_pin` is set
  std::vector<std::string> alpn;
  ClientClock clock;
  Profile profile = Profile::session;
  // Instead of credentials: no certificate is shown, and trusted is the CA with this key (key_pin.h) and nobody else.
  // The server sends that CA's certificate along (TlsServerOptions::show_root); another CA's is ca_mismatch.
  std::optional<Digest> ca_pin = {};
};

class TlsServerContext {
 public:
  explicit TlsServerContext(TlsServerOptions options);
  ~TlsServerContext();
  TlsServerContext(TlsServerContext&&) noexcept;
  TlsServerContext& operator=(TlsServerContext&&) noexcept;

  const Credentials& credentials() const;

 private:
  friend class TlsEngine;
  std::shared_ptr<SharedConfig> config_;
};

class TlsClientContext {
 public:
  explicit TlsClientContext(TlsClientOptions options);
  ~TlsClientContext();
  TlsClientContext(TlsClientContext&&) noexcept;
  TlsClientContext& operator=(TlsClientContext&&) noexcept;

  const Credentials& credentials() const;  // there are some

 private:
  friend class TlsEngine;
  std::shared_ptr<SharedConfig> config_;
};

}  // namespace fairlead::tls
