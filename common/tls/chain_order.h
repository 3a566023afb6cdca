#pragma once
// A certificate chain in the order in which TLS sends it: the leaf, then who issued it, and so on (RFC 5246 §7.4.2).
// Files are often the other way round, and only some peers sort for themselves. For the sources of this folder.
#include <vector>

#include "common/tls/mbedtls_compat.h"

namespace fairlead::tls {

// In DER: the certificate of this key, its issuers as far as they are there, then the rest as it came. Empty: no
// certificate among these belongs to the key. `first`: a parsed list.
std::vector<Bytes> order_chain(const mbedtls_x509_crt& first, const mbedtls_pk_context& key);

}  // namespace fairlead::tls
