#pragma once
// Who this program is, and whom it trusts: certificate chain, key and CA bundle, read from PEM files and checked once.
// Immutable and shared between threads. Reloading is making a new one and handing it to new contexts; watching the
// files is the caller's business. Each TLS context parses its own copy: mbedtls' 2.28 keys cache inside when used.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/tls/peer_certificate.h"

struct mbedtls_pk_context;

namespace fairlead::tls {

inline constexpr std::size_t kMaxIdentityFileBytes = 1 << 20;

struct IdentityFiles {
  std::filesystem::path cert;  // PEM: leaf and intermediates, in any order
  std::filesystem::path key;   // PEM, not encrypted
  std::filesystem::path ca;    // PEM: one or several certificates to trust
};

class Credentials {
 public:
  // The error is one line that names the file and what is wrong with it (Reason::config_invalid).
  // Validity in time is not judged here: that is asked of a clock at every handshake.
  static Result<std::shared_ptr<const Credentials>> load(const IdentityFiles& files);
  ~Credentials();

  // Whether it can be used at `now`, for who is asked before anything runs: one line that names the file otherwise.
  Result<void> check_times(const IdentityFiles& files, WallTime now) const;

  const std::string& spiffe_id() const { return identity_.spiffe_id; }
  std::string_view trust_domain() const;
  WallTime not_before() const { return not_before_; }         // latest of the chain
  WallTime not_after() const { return identity_.not_after; }  // earliest of the chain
  const std::vector<std::string>& dns_names() const { return identity_.dns_names; }
  const std::vector<IpAddress>& ip_addresses() const { return identity_.ip_addresses; }
  const Digest& ca_hash() const { return ca_hash_; }  // over the bundle's certificates, whatever their order
  const Digest& leaf_hash() const { return identity_.leaf_hash; }
  // What a person should read although nothing fails, e.g. a key file that others may read.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // For the contexts of this folder: certificates in DER, the key in PEM with the closing zero that mbedtls wants.
  const std::vector<Bytes>& chain_der() const { return chain_; }
  const std::vector<Bytes>& ca_der() const { return ca_; }
  ByteView key_pem() const { return key_; }

 private:
  Credentials() = default;
  Result<void> read_key(const std::filesystem::path& file, mbedtls_pk_context* key);
  Result<void> read_chain(const IdentityFiles& files, const mbedtls_pk_context& key);
  Result<void> read_ca(const std::filesystem::path& file);
  void check_trust(const IdentityFiles& files);

  PeerIdentity identity_;
  WallTime not_before_{};
  Digest ca_hash_{};
  std::vector<Bytes> chain_;
  std::vector<Bytes> ca_;
  Bytes key_;
  std::vector<std::string> warnings_;
};

}  // namespace fairlead::tls
