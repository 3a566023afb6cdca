#include "rendezvous/ca/certificate_signature.h"

#include <mbedtls/oid.h>

#include <array>

#include "common/crypto/sha256.h"
#include "rendezvous/ca/der.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::uint8_t kBitString = 0x03;
constexpr std::uint8_t kOid = 0x06;
constexpr std::size_t kAlgorithmInTbs = 2;  // RFC 5280 §4.1: version, serialNumber, signature, ...

Bytes ecdsa_with_sha256() {
  return der_sequence({der_element(kOid, as_bytes(MBEDTLS_OID_ECDSA_SHA256))});
}

Result<Bytes> signature_over(ByteView tbs, tls::OwnedKey& key) {
  const auto digest = crypto::sha256(tbs);
  std::array<std::uint8_t, MBEDTLS_PK_SIGNATURE_MAX_SIZE> signature{};
  std::size_t size = 0;
#if MBEDTLS_VERSION_MAJOR >= 3
  const int code = mbedtls_pk_sign(key.get(), MBEDTLS_MD_SHA256, digest.data(), digest.size(), signature.data(),
                                   signature.size(), &size, tls::library_random, nullptr);
#else
  const int code = mbedtls_pk_sign(key.get(), MBEDTLS_MD_SHA256, digest.data(), digest.size(), signature.data(), &size,
                                   tls::library_random, nullptr);
#endif
  if (code != 0) return fail(Reason::internal, "signature: " + tls::library_error(code));
  Bytes bits{0};  // unused ones
  bits.insert(bits.end(), signature.begin(), signature.begin() + static_cast<std::ptrdiff_t>(size));
  return der_element(kBitString, bits);
}

}  // namespace

Result<Bytes> sign_again(Bytes der, tls::OwnedKey& issuer_key) {
  if (mbedtls_pk_can_do(issuer_key.get(), MBEDTLS_PK_ECDSA) == 0) return der;
  const auto parts = der_elements(der);
  const auto fields = parts && parts->size() == 3 ? der_elements(parts->front()) : std::nullopt;
  if (!fields || fields->size() <= kAlgorithmInTbs) return fail(Reason::internal, "certificate: not one in DER");
  const Bytes algorithm = ecdsa_with_sha256();
  std::vector<ByteView> right(fields->begin(), fields->end());
  right[kAlgorithmInTbs] = algorithm;
  const Bytes tbs = der_sequence(right);
  const auto signature = signature_over(tbs, issuer_key);
  if (!signature) return tl::unexpected(signature.error());
  return der_sequence({tbs, algorithm, *signature});
}

}  // namespace fairlead::rendezvous
