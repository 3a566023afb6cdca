#pragma once
// What time log lines bear on a host whose own clock cannot be right. Any thread.
#include "common/base/time.h"

namespace fairlead {

// Log times are `behind` later than the system's clock says while that shows less than `implausible_before`: once
// somebody sets it, it stands again.
void correct_log_times(std::chrono::seconds behind, WallTime implausible_before);

}  // namespace fairlead
