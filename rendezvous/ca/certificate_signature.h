#pragma once
// Signs a certificate as RFC 5758 §3.2 wants it: ecdsa-with-SHA256 without parameters, in the signed part and beside
// the signature. mbedtls 2.28 writes a NULL there, which it and OpenSSL read over, and Chromium and webpki refuse.
#include "common/base/result.h"
#include "common/tls/mbedtls_compat.h"

namespace fairlead::rendezvous {

// `der`: a certificate as the library wrote it. The same one in DER with the right algorithm, signed by the same key
// (P-256: others are as the library writes them). Internal: it cannot be read or signed.
Result<Bytes> sign_again(Bytes der, tls::OwnedKey& issuer_key);

}  // namespace fairlead::rendezvous
