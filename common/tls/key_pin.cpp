#include "common/tls/key_pin.h"

#include "common/tls/mbedtls_compat.h"

namespace fairlead::tls {

std::optional<Digest> key_pin(ByteView certificate) {
  OwnedCertificates parsed;
  if (mbedtls_x509_crt_parse_der(parsed.get(), certificate.data(), certificate.size()) != 0) return std::nullopt;
  return crypto::sha256({parsed->pk_raw.p, parsed->pk_raw.len});
}

const Bytes* signing_ca(const Credentials& credentials) {
  OwnedCertificates chain;
  for (const Bytes& der : credentials.chain_der()) mbedtls_x509_crt_parse_der(chain.get(), der.data(), der.size());
  for (const Bytes& der : credentials.ca_der()) {
    OwnedCertificates ca;
    std::uint32_t flags = 0;
    if (mbedtls_x509_crt_parse_der(ca.get(), der.data(), der.size()) != 0) continue;
    mbedtls_x509_crt_verify(chain.get(), ca.get(), nullptr, nullptr, &flags, nullptr, nullptr);
    if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) == 0) return &der;
  }
  return nullptr;
}

}  // namespace fairlead::tls
