#pragma once
// Encodes the few ASN.1 values (X.690 DER) that certificate extensions consist of.
#include <initializer_list>

#include "common/base/bytes.h"
#include "common/tls/peer_certificate.h"

namespace fairlead::rendezvous {

// One element: tag, length, content.
Bytes der_element(std::uint8_t tag, ByteView content);
Bytes der_sequence(std::initializer_list<ByteView> elements);
// GeneralNames of a subjectAltName, RFC 5280 §4.2.1.6.
Bytes der_alternative_names(const tls::AlternativeNames& names);

}  // namespace fairlead::rendezvous
