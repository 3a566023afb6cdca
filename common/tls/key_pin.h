#pragma once
// A CA named by its key: the SHA-256 of its SubjectPublicKeyInfo, which stays when the certificate is renewed. What a
// join token holds. Pure; any thread.
#include <optional>

#include "common/tls/credentials.h"

namespace fairlead::tls {

// Of one certificate in DER; nothing when it cannot be read.
std::optional<Digest> key_pin(ByteView certificate);
// The certificate of the bundle that the own chain leads to; null when there is none. Its time is not judged.
const Bytes* signing_ca(const Credentials& credentials);

}  // namespace fairlead::tls
