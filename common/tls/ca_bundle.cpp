#include "common/tls/ca_bundle.h"

#include <algorithm>

#include "common/tls/mbedtls_compat.h"

namespace fairlead::tls {
namespace {

// A CA of path length 0 signs leaves, and may not make another CA (RFC 5280 §4.2.1.9); the library does not look at
// that where the CA itself is trusted.
bool signs_cas(const mbedtls_x509_crt& ca) {
  constexpr int kLengthZero = 1;  // the library counts one more; 0 is none
  return ca.MBEDTLS_PRIVATE(ca_istrue) != 0 && ca.MBEDTLS_PRIVATE(max_pathlen) != kLengthZero;
}

bool vouches(const Bytes& trusted, mbedtls_x509_crt& offered) {
  OwnedCertificates ca;
  if (mbedtls_x509_crt_parse_der(ca.get(), trusted.data(), trusted.size()) != 0 || !signs_cas(*ca.get())) return false;
  std::uint32_t flags = 0;
  mbedtls_x509_crt_verify(&offered, ca.get(), nullptr, nullptr, &flags, nullptr, nullptr);
  constexpr std::uint32_t kTime = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE;
  return (flags & ~kTime) == 0;
}

bool vouched(const std::vector<Bytes>& trusted, const Bytes& offered) {
  if (std::ranges::find(trusted, offered) != trusted.end()) return true;
  OwnedCertificates parsed;
  if (mbedtls_x509_crt_parse_der(parsed.get(), offered.data(), offered.size()) != 0) return false;
  if (parsed->MBEDTLS_PRIVATE(ca_istrue) == 0) return false;
  return std::ranges::any_of(trusted, [&](const Bytes& each) { return vouches(each, *parsed.get()); });
}

}  // namespace

std::vector<Bytes> vouched_for(const std::vector<Bytes>& trusted, const std::vector<Bytes>& offered) {
  std::vector<Bytes> out;
  for (const Bytes& der : offered) {
    if (std::ranges::find(out, der) == out.end() && vouched(trusted, der)) out.push_back(der);
  }
  return out;
}

}  // namespace fairlead::tls
