#pragma once
// A certificate request (PKCS #10, RFC 2986) of a stranger: it proves that who sends it holds the key. Its subject and
// the names that it asks for are not read. Pure.
#include "common/base/result.h"
#include "common/crypto/sha256.h"
#include "common/tls/mbedtls_compat.h"

namespace fairlead::rendezvous {

// Fills `key` (empty before) with the public key and returns the SHA-256 of its SubjectPublicKeyInfo. csr_invalid: it
// is no request, its key is not P-256, or its signature is not of that key with SHA-256.
Result<crypto::Digest> read_certificate_request(ByteView der, tls::OwnedKey& key);

}  // namespace fairlead::rendezvous
