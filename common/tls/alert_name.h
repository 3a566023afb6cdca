#pragma once
// Names of TLS alerts (RFC 5246 §7.2, IANA "TLS Alerts") for error details, and the alert that fits a reason.
#include <cstdint>
#include <string_view>

#include "common/base/reason.h"

namespace fairlead::tls {

std::string_view alert_name(std::uint8_t description);
std::uint8_t alert_for(Reason reason);

}  // namespace fairlead::tls
