#pragma once
// A fatal TLS alert in clear, for a client whose ClientHello was read and whose connection cannot be served: it has no
// keys yet, so the alert needs none (RFC 8446 §6, RFC 6066 §3). Pure; any thread.
#include <cstdint>

#include "common/base/bytes.h"

namespace fairlead::wire {

inline constexpr std::uint8_t kAccessDenied = 49;
inline constexpr std::uint8_t kInternalError = 80;
inline constexpr std::uint8_t kUnrecognizedName = 112;

// One whole alert record, level fatal.
Bytes tls_alert(std::uint8_t description);

}  // namespace fairlead::wire
