#pragma once
#include "common/base/reason.h"

namespace fairlead {

// Whether somebody answered whose certificate does not prove that it is the one who was called.
constexpr bool is_about_certificate(Reason reason) {
  switch (reason) {
    case Reason::certificate_missing:
    case Reason::certificate_untrusted:
    case Reason::certificate_expired:
    case Reason::certificate_not_yet_valid:
    case Reason::certificate_identity:
    case Reason::certificate_name:
    case Reason::certificate_purpose:
      return true;
    default:
      return false;
  }
}

}  // namespace fairlead
