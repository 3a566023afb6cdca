#pragma once
// What a certificate says about its holder: the SPIFFE id and the names and addresses of its subjectAltName, read from
// the raw extension because mbedtls 2.28 knows neither URI nor IP names (RFC 5280 §4.2.1.6; X509-SVID §2 to §5).
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/crypto/sha256.h"

struct mbedtls_x509_crt;

namespace fairlead::tls {

using crypto::Digest;

inline constexpr std::size_t kMaxSanNames = 128;
inline constexpr std::size_t kMaxCommonName = 64;  // RFC 5280 appendix A.1, ub-common-name; bytes here

struct PeerIdentity {
  std::string spiffe_id;
  WallTime not_after{};                // earliest of the chain: the identity must not be believed after it
  Digest leaf_hash{};                  // SHA-256 of the leaf's DER
  std::vector<std::string> dns_names;  // lower-case, without trailing dot
  std::vector<IpAddress> ip_addresses;
  std::string common_name;  // of the subject, to be shown to people; empty: none that is printable and short enough
  bool operator==(const PeerIdentity&) const = default;
};

// A certificate's subjectAltName; empty when it has none. Errors: certificate_identity.
struct AlternativeNames {
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;  // lower-case, without trailing dot
  std::vector<IpAddress> ip_addresses;
};
Result<AlternativeNames> read_alternative_names(const mbedtls_x509_crt& certificate);
Result<AlternativeNames> read_alternative_names(ByteView der);

// Reads a leaf. Reason::certificate_identity unless there is exactly one URI name, a valid SPIFFE id, and CA is false.
// not_after is the leaf's own.
Result<PeerIdentity> read_identity(const mbedtls_x509_crt& leaf);

enum class PeerRole : std::uint8_t { client, server };

// Whether key usage and extended key usage allow this side of TLS; an absent extension allows both (X509-SVID §4.4).
bool may_act_as(const mbedtls_x509_crt& leaf, PeerRole role);

// Whether `host`, a name or an IP literal as it was dialled, is among the identity's names. A leading "*." of a
// certificate's name stands for exactly one label (RFC 6125 §6.4.3).
bool names_host(const PeerIdentity& identity, std::string_view host);

}  // namespace fairlead::tls
