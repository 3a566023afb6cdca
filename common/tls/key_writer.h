#pragma once
// Makes P-256 keys, and writes keys and certificates as PEM. For the sources of this folder and of rendezvous/ca; who
// knows only bytes uses certificate_request.h. Pure but for randomness.
#include <string>

#include "common/base/result.h"
#include "common/tls/mbedtls_compat.h"

namespace fairlead::tls {

// Internal: the library cannot. `key` is empty before.
Result<void> generate_key(OwnedKey& key);
// A private key: wipe it after use, write it with mode 0600.
Result<std::string> key_to_pem(OwnedKey& key);
Result<std::string> certificate_to_pem(ByteView der);

}  // namespace fairlead::tls
