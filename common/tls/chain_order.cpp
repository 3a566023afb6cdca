#include "common/tls/chain_order.h"

#include <algorithm>

namespace fairlead::tls {
namespace {

using Certificates = std::vector<const mbedtls_x509_crt*>;

bool issued(const mbedtls_x509_crt& issuer, const mbedtls_x509_crt& certificate) {
  const ByteView subject(issuer.subject_raw.p, issuer.subject_raw.len);
  return std::ranges::equal(subject, ByteView(certificate.issuer_raw.p, certificate.issuer_raw.len));
}

}  // namespace

std::vector<Bytes> order_chain(const mbedtls_x509_crt& first, const mbedtls_pk_context& key) {
  Certificates left;
  for (const mbedtls_x509_crt* at = &first; at != nullptr; at = at->next) {
    if (!der_of(*at).empty()) left.push_back(at);
  }
  Certificates ordered;
  auto next = std::ranges::find_if(left, [&](const auto* each) { return check_key_pair(&each->pk, &key) == 0; });
  if (next == left.end()) return {};
  while (next != left.end()) {
    ordered.push_back(*next);
    left.erase(next);
    next = std::ranges::find_if(left, [&](const auto* each) { return issued(*each, *ordered.back()); });
  }
  ordered.insert(ordered.end(), left.begin(), left.end());
  std::vector<Bytes> out;
  for (const auto* each : ordered) out.emplace_back(der_of(*each).begin(), der_of(*each).end());
  return out;
}

}  // namespace fairlead::tls
