#pragma once
// Times in messages, logs and audit lines: RFC 3339, UTC, whole seconds.
#include <string>

#include "common/base/time.h"

namespace fairlead::tls {

std::string time_text(WallTime time);  // "2030-01-31T12:00:00Z"

}  // namespace fairlead::tls
