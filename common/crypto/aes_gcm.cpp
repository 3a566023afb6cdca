#include "common/crypto/aes_gcm.h"

#include <mbedtls/gcm.h>

#include "common/base/check.h"

namespace fairlead::crypto {
namespace {

class Gcm {
 public:
  explicit Gcm(const AesKey& key) {
    mbedtls_gcm_init(&context_);
    CHECK(mbedtls_gcm_setkey(&context_, MBEDTLS_CIPHER_ID_AES, key.data(), static_cast<unsigned>(key.size() * 8)) == 0);
  }
  ~Gcm() { mbedtls_gcm_free(&context_); }
  Gcm(const Gcm&) = delete;
  Gcm& operator=(const Gcm&) = delete;

  mbedtls_gcm_context* get() { return &context_; }

 private:
  mbedtls_gcm_context context_;
};

}  // namespace

Bytes aes256_gcm_seal(const AesKey& key, const GcmNonce& nonce, ByteView associated, ByteView plaintext) {
  Bytes out(plaintext.size() + kGcmTagBytes);
  Gcm gcm(key);
  CHECK(mbedtls_gcm_crypt_and_tag(gcm.get(), MBEDTLS_GCM_ENCRYPT, plaintext.size(), nonce.data(), nonce.size(),
                                  associated.data(), associated.size(), plaintext.data(), out.data(), kGcmTagBytes,
                                  out.data() + plaintext.size()) == 0);
  return out;
}

std::optional<Bytes> aes256_gcm_open(const AesKey& key, const GcmNonce& nonce, ByteView associated, ByteView sealed) {
  if (sealed.size() < kGcmTagBytes) return std::nullopt;
  const ByteView body = sealed.first(sealed.size() - kGcmTagBytes);
  const ByteView tag = sealed.last(kGcmTagBytes);
  // One byte more than needed: the library is never handed a null pointer.
  Bytes out(body.size() + 1);
  Gcm gcm(key);
  const int result = mbedtls_gcm_auth_decrypt(gcm.get(), body.size(), nonce.data(), nonce.size(), associated.data(),
                                              associated.size(), tag.data(), tag.size(), body.data(), out.data());
  if (result != 0) return std::nullopt;
  out.pop_back();
  return out;
}

}  // namespace fairlead::crypto
