#pragma once
// What stands behind a TLS context: the library's configuration, with its own parsed copy of certificates and key,
// because mbedtls 2.28 caches inside a key when it is used and would race between threads. Internal to this folder.
#include <optional>
#include <string>
#include <vector>

#include "common/tls/mbedtls_compat.h"
#include "common/tls/peer_verifier.h"
#include "common/tls/session_state.h"
#include "common/tls/tls_context.h"

namespace fairlead::tls {

// The part of a server's handshake that the ticket callbacks see and fill in.
struct TicketExchange {
  const PeerVerifier* verifier = nullptr;
  std::optional<SessionState> restored;  // from the ticket that the client offered
  ResumptionRefused refused = ResumptionRefused::none;
};

struct SharedConfig {
  SharedConfig(PeerRole peer, Profile profile, std::shared_ptr<const Credentials> own,
               std::vector<std::string> protocols, ClientClock now, std::optional<Digest> pinned_ca = {});
  SharedConfig(const SharedConfig&) = delete;
  SharedConfig& operator=(const SharedConfig&) = delete;

  void make_client_certificate_optional();
  void show_root();
  void use_tickets(std::shared_ptr<TicketKeys> keys);

  const PeerRole peer;
  const std::shared_ptr<const Credentials> credentials;  // null: `trust` has a pin
  const PeerTrust trust;
  const std::vector<std::string> alpn;
  AlpnRule alpn_rule = AlpnRule::required;
  const ClientClock clock;  // a server's is always exact
  ClientCertificate client_certificate = ClientCertificate::required;
  std::shared_ptr<TicketKeys> ticket_keys;
  ClientRule allow;
  // The library hands its ticket callbacks no connection: here stands the one whose step is running; else null.
  TicketExchange* exchange = nullptr;
  OwnedSslConfig ssl;

 private:
  void set_protocol(Profile profile);
  void set_identity();
  void set_alpn();

  std::vector<const char*> alpn_list_;  // as the library wants it: closed by a null
  OwnedCertificates chain_;
  OwnedCertificates ca_;
  OwnedKey key_;
};

}  // namespace fairlead::tls
