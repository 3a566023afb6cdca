#pragma once
// Which TLS alert tells a mesh client why it was turned away; the reason itself is for our own log. Pure; any thread.
#include <cstdint>

#include "common/base/reason.h"
#include "common/wire/tls_alert.h"

namespace fairlead::front {

inline std::uint8_t alert_of(Reason reason) {
  switch (reason) {
    case Reason::unknown_name:
    case Reason::alpn_required:  // without one of them the name is none of the table's
      return wire::kUnrecognizedName;
    case Reason::source_denied:
      return wire::kAccessDenied;
    default:
      return wire::kInternalError;
  }
}

}  // namespace fairlead::front
