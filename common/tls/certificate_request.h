#pragma once
// What a device without an identity makes by itself: a P-256 key that never leaves it, and a certificate request
// (PKCS #10, RFC 2986) that proves its possession and asks for no name: names are the signer's to decide. Pure but for
// randomness; any thread.
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace fairlead::tls {

// PEM; wipe it after use, write it with mode 0600.
Result<std::string> new_private_key();
// In DER. config_invalid, without a file's name: `key_pem` is no private key, or not of P-256.
Result<Bytes> write_certificate_request(std::string_view key_pem);
// Certificates in DER, one PEM block after the other.
Result<std::string> certificates_to_pem(const std::vector<Bytes>& certificates);

}  // namespace fairlead::tls
