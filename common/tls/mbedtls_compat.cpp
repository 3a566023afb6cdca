#include "common/tls/mbedtls_compat.h"

#include <mbedtls/ecp.h>
#include <mbedtls/error.h>
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#include <psa/crypto.h>
#endif

#include "common/base/check.h"
#include "common/crypto/aes_gcm.h"
#include "common/crypto/system_rng.h"

namespace fairlead::tls {

int library_random(void*, unsigned char* out, std::size_t n) {
  crypto::fill_random({out, n});
  return 0;
}

std::string library_error(int code) {
  char text[160] = {};
  mbedtls_strerror(code, text, sizeof text);
  return text;
}

WallTime to_wall_time(const mbedtls_x509_time& time) {
  using namespace std::chrono;
  const sys_days day = year(time.year) / static_cast<unsigned>(time.mon) / static_cast<unsigned>(time.day);
  return day + hours(time.hour) + minutes(time.min) + seconds(time.sec);
}

bool is_p256(const mbedtls_pk_context& key) {
  if (mbedtls_pk_can_do(&key, MBEDTLS_PK_ECDSA) == 0) return false;
  return mbedtls_pk_ec(key)->MBEDTLS_PRIVATE(grp).id == MBEDTLS_ECP_DP_SECP256R1;
}

namespace {

// A library built without renegotiation has no such switch.
void refuse_renegotiation([[maybe_unused]] mbedtls_ssl_config* config) {
#if defined(MBEDTLS_SSL_RENEGOTIATION)
  mbedtls_ssl_conf_renegotiation(config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
}

}  // namespace

#if MBEDTLS_VERSION_NUMBER >= 0x03000000

void start_library() {
#if defined(MBEDTLS_PSA_CRYPTO_C)
  CHECK(psa_crypto_init() == PSA_SUCCESS);
#endif
}

int parse_private_key(mbedtls_pk_context* key, ByteView pem) {
  return mbedtls_pk_parse_key(key, pem.data(), pem.size(), nullptr, 0, library_random, nullptr);
}

int check_key_pair(const mbedtls_pk_context* certificate_key, const mbedtls_pk_context* private_key) {
  return mbedtls_pk_check_pair(certificate_key, private_key, library_random, nullptr);
}

void limit_protocol(mbedtls_ssl_config* config, Curves curves) {
  static constexpr std::uint16_t kP256[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
  static constexpr std::uint16_t kCommon[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
#if defined(MBEDTLS_ECP_DP_CURVE25519_ENABLED)
                                              MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
#endif
                                              MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
  static constexpr std::uint16_t kSignatures[] = {MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
                                                  MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
                                                  MBEDTLS_TLS1_3_SIG_ECDSA_SECP521R1_SHA512,
                                                  MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
                                                  MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
                                                  MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
                                                  MBEDTLS_TLS1_3_SIG_NONE};
  mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
  mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
  mbedtls_ssl_conf_groups(config, curves == Curves::p256 ? kP256 : kCommon);
  mbedtls_ssl_conf_sig_algs(config, kSignatures);
  refuse_renegotiation(config);
}

#else

void start_library() {
  mbedtls_ssl_list_ciphersuites();
  crypto::aes256_gcm_seal({}, {}, {}, {});
}

int parse_private_key(mbedtls_pk_context* key, ByteView pem) {
  return mbedtls_pk_parse_key(key, pem.data(), pem.size(), nullptr, 0);
}

int check_key_pair(const mbedtls_pk_context* certificate_key, const mbedtls_pk_context* private_key) {
  return mbedtls_pk_check_pair(certificate_key, private_key);
}

void limit_protocol(mbedtls_ssl_config* config, Curves curves) {
  static constexpr mbedtls_ecp_group_id kP256[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_NONE};
  static constexpr mbedtls_ecp_group_id kCommon[] = {MBEDTLS_ECP_DP_SECP256R1,
#if defined(MBEDTLS_ECP_DP_CURVE25519_ENABLED)
                                                     MBEDTLS_ECP_DP_CURVE25519,
#endif
                                                     MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_NONE};
  static constexpr int kHashes[] = {MBEDTLS_MD_SHA256, MBEDTLS_MD_SHA384, MBEDTLS_MD_SHA512, MBEDTLS_MD_NONE};
  mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
  mbedtls_ssl_conf_max_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
  mbedtls_ssl_conf_curves(config, curves == Curves::p256 ? kP256 : kCommon);
  mbedtls_ssl_conf_sig_hashes(config, kHashes);
  refuse_renegotiation(config);
}

#endif

}  // namespace fairlead::tls
