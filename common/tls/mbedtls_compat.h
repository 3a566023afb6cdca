#pragma once
// The one place that knows how mbedtls 2.28 and 3.6 differ. For the sources of this folder and of rendezvous/ca only.
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include <string>

#include "common/base/bytes.h"
#include "common/base/time.h"

// 3.x hides struct members behind this macro and offers no accessor for the few that are read here.
#ifndef MBEDTLS_PRIVATE
#define MBEDTLS_PRIVATE(member) member
#endif

namespace fairlead::tls {

// Owns one of the library's C structs: T_init on construction, T_free at the end.
template <class T, void (*Init)(T*), void (*Free)(T*)>
class Owned {
 public:
  Owned() { Init(&value_); }
  ~Owned() { Free(&value_); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  T* get() { return &value_; }
  const T* get() const { return &value_; }
  T* operator->() { return &value_; }
  const T* operator->() const { return &value_; }

 private:
  T value_;
};

using OwnedCertificates = Owned<mbedtls_x509_crt, mbedtls_x509_crt_init, mbedtls_x509_crt_free>;
using OwnedKey = Owned<mbedtls_pk_context, mbedtls_pk_init, mbedtls_pk_free>;
using OwnedSession = Owned<mbedtls_ssl_session, mbedtls_ssl_session_init, mbedtls_ssl_session_free>;
using OwnedSslConfig = Owned<mbedtls_ssl_config, mbedtls_ssl_config_init, mbedtls_ssl_config_free>;
using OwnedSsl = Owned<mbedtls_ssl_context, mbedtls_ssl_init, mbedtls_ssl_free>;

// Before any TLS or key operation, and first of all before threads work side by side: 3.x needs its PSA core even for
// TLS 1.2, and 2.28 fills static tables at their first use without a lock. Cheap when repeated.
void start_library();
// The kernel's random numbers in the form of the library's f_rng callbacks; the first argument is not used.
int library_random(void* unused, unsigned char* out, std::size_t n);
std::string library_error(int code);

// `pem` ends with a zero byte, as the library wants it. Returns the library's error code.
int parse_private_key(mbedtls_pk_context* key, ByteView pem);
int check_key_pair(const mbedtls_pk_context* certificate_key, const mbedtls_pk_context* private_key);
bool is_p256(const mbedtls_pk_context& key);

WallTime to_wall_time(const mbedtls_x509_time& time);
inline ByteView der_of(const mbedtls_x509_crt& certificate) {
  return {certificate.raw.p, certificate.raw.len};
}

// Protocol settings whose functions differ: TLS 1.2 only, ECDSA and RSA signatures with SHA-2.
enum class Curves { p256, common };  // P-256 alone, or with X25519 and P-384 as far as the library has them
void limit_protocol(mbedtls_ssl_config* config, Curves curves);

}  // namespace fairlead::tls
