#include "rendezvous/ca/certificate_request.h"

#include <mbedtls/x509_csr.h>

#include <array>

namespace fairlead::rendezvous {
namespace {

using OwnedRequest = tls::Owned<mbedtls_x509_csr, mbedtls_x509_csr_init, mbedtls_x509_csr_free>;
constexpr std::size_t kMaxKeyBytes = 512;

tl::unexpected<Error> invalid(const char* what) {
  return fail(Reason::csr_invalid, what);
}

bool is_signed_by_its_key(OwnedRequest& request) {
  if (request->MBEDTLS_PRIVATE(sig_md) != MBEDTLS_MD_SHA256) return false;
  const crypto::Digest digest = crypto::sha256({request->cri.p, request->cri.len});
  const mbedtls_x509_buf& signature = request->MBEDTLS_PRIVATE(sig);
  return mbedtls_pk_verify(&request->pk, MBEDTLS_MD_SHA256, digest.data(), digest.size(), signature.p, signature.len) ==
         0;
}

}  // namespace

Result<crypto::Digest> read_certificate_request(ByteView der, tls::OwnedKey& key) {
  tls::start_library();
  OwnedRequest request;
  if (mbedtls_x509_csr_parse_der(request.get(), der.data(), der.size()) != 0) return invalid("no request can be read");
  if (!tls::is_p256(request->pk)) return invalid("the key is not ECDSA P-256");
  if (!is_signed_by_its_key(request)) return invalid("it is not signed by its own key");
  std::array<unsigned char, kMaxKeyBytes> info{};
  const int size = mbedtls_pk_write_pubkey_der(&request->pk, info.data(), info.size());
  if (size <= 0) return invalid("its key cannot be used");
  const ByteView key_der = ByteView(info).last(static_cast<std::size_t>(size));  // the library writes from the end
  if (mbedtls_pk_parse_public_key(key.get(), key_der.data(), key_der.size()) != 0)
    return invalid("its key cannot be used");
  return crypto::sha256(key_der);
}

}  // namespace fairlead::rendezvous
