#pragma once
// Writes X.509 certificates (RFC 5280) for the small mesh CA. The subjectAltName and the other extensions that decide
// something are encoded here: mbedtls 2.28 writes no SAN and no extended key usage. Pure but for randomness.
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/tls/mbedtls_compat.h"
#include "common/tls/peer_certificate.h"

namespace fairlead::rendezvous {

inline constexpr std::size_t kSerialBytes = 16;
inline constexpr std::size_t kMaxCommonName = 64;  // RFC 5280 appendix A, ub-common-name

enum class CertificateKind : std::uint8_t { root, intermediate, leaf };
enum class Purpose : std::uint8_t { server, client };

struct CertificateSpec {
  CertificateKind kind = CertificateKind::leaf;
  std::string subject;  // as the library writes names: "O=x, CN=y"
  tls::AlternativeNames names;
  std::vector<Purpose> purposes = {Purpose::server, Purpose::client};  // of a leaf
  WallTime not_before{};
  WallTime not_after{};
  Bytes serial = {};  // kSerialBytes; see random_serial
};

// 128 random bits, positive and of full length (RFC 5280 §4.1.2.2).
Bytes random_serial();

// The certificate in PEM, signed by `issuer_key`. A root's issuer is itself.
Result<std::string> write_certificate(const CertificateSpec& spec, tls::OwnedKey& key,
                                      const std::string& issuer_subject, tls::OwnedKey& issuer_key);

}  // namespace fairlead::rendezvous
