#include "common/tls/certificate_request.h"

#include <mbedtls/x509_csr.h>

#include "common/crypto/secret.h"
#include "common/tls/key_writer.h"

namespace fairlead::tls {
namespace {

using OwnedRequestWriter = Owned<mbedtls_x509write_csr, mbedtls_x509write_csr_init, mbedtls_x509write_csr_free>;
constexpr std::size_t kMaxRequestBytes = 2048;

Result<void> read_key(std::string_view key_pem, OwnedKey& key) {
  start_library();
  Bytes text(key_pem.begin(), key_pem.end());
  text.push_back(0);
  const int code = parse_private_key(key.get(), text);
  crypto::wipe(text);
  if (code != 0) return fail(Reason::config_invalid, "no private key can be read: " + library_error(code));
  if (!is_p256(*key.get())) return fail(Reason::config_invalid, "the key is not ECDSA P-256");
  return {};
}

}  // namespace

Result<std::string> new_private_key() {
  OwnedKey key;
  if (auto made = generate_key(key); !made) return tl::unexpected(made.error());
  return key_to_pem(key);
}

Result<Bytes> write_certificate_request(std::string_view key_pem) {
  OwnedKey key;
  if (auto read = read_key(key_pem, key); !read) return tl::unexpected(read.error());
  OwnedRequestWriter writer;
  mbedtls_x509write_csr_set_key(writer.get(), key.get());
  mbedtls_x509write_csr_set_md_alg(writer.get(), MBEDTLS_MD_SHA256);
  Bytes der(kMaxRequestBytes);
  int size = mbedtls_x509write_csr_set_subject_name(writer.get(), "CN=fairlead-agent");
  if (size == 0) size = mbedtls_x509write_csr_der(writer.get(), der.data(), der.size(), library_random, nullptr);
  if (size <= 0) return fail(Reason::internal, "certificate request: " + library_error(size));
  der.erase(der.begin(), der.end() - size);  // the library writes from the end
  return der;
}

Result<std::string> certificates_to_pem(const std::vector<Bytes>& certificates) {
  std::string out;
  for (const Bytes& der : certificates) {
    const auto pem = certificate_to_pem(der);
    if (!pem) return tl::unexpected(pem.error());
    out += *pem;
  }
  return out;
}

}  // namespace fairlead::tls
