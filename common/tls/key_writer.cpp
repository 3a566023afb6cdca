#include "common/tls/key_writer.h"

#include <mbedtls/ecp.h>
#include <mbedtls/pem.h>

#include "common/crypto/secret.h"

namespace fairlead::tls {
namespace {
constexpr std::size_t kMaxPemBytes = 16384;
}

Result<void> generate_key(OwnedKey& key) {
  start_library();
  int code = mbedtls_pk_setup(key.get(), mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
  if (code == 0)
    code = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key.get()), library_random, nullptr);
  if (code != 0) return fail(Reason::internal, "key: " + library_error(code));
  return {};
}

Result<std::string> key_to_pem(OwnedKey& key) {
  Bytes pem(kMaxPemBytes);
  const int code = mbedtls_pk_write_key_pem(key.get(), pem.data(), pem.size());
  if (code != 0) return fail(Reason::internal, "key: " + library_error(code));
  std::string text(reinterpret_cast<const char*>(pem.data()));
  crypto::wipe(pem);
  return text;
}

Result<std::string> certificate_to_pem(ByteView der) {
  Bytes pem(kMaxPemBytes);
  std::size_t size = 0;
  const int code = mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", der.data(),
                                            der.size(), pem.data(), pem.size(), &size);
  if (code != 0) return fail(Reason::internal, "certificate: " + library_error(code));
  return std::string(reinterpret_cast<const char*>(pem.data()));
}

}  // namespace fairlead::tls
