#pragma once
// Encodes the few ASN.1 values (X.690 DER) that certificate extensions consist of, and takes certificates apart.
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/tls/peer_certificate.h"

namespace fairlead::rendezvous {

// One element: tag, length, content.
Bytes der_element(std::uint8_t tag, ByteView content);
Bytes der_sequence(std::span<const ByteView> elements);
Bytes der_sequence(std::initializer_list<ByteView> elements);
// What one constructed element holds, each with its tag and length; views into it. Nullopt: it is not exactly one, or
// its lengths do not fit. Tags of one byte, lengths up to 65535.
std::optional<std::vector<ByteView>> der_elements(ByteView constructed);
// GeneralNames of a subjectAltName, RFC 5280 §4.2.1.6.
Bytes der_alternative_names(const tls::AlternativeNames& names);

}  // namespace fairlead::rendezvous
