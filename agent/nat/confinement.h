#pragma once
// Takes from this process what a parser of strangers' XML does not need: descriptors, memory, processor time, new
// processes, files, privileges. Serves the UPnP helper alone, as the first thing it does.
#include <string>

#include "common/base/result.h"

namespace fairlead::agent::nat {

// Leaves stdin, stdout and stderr open. Error: privileges could not be dropped; the process must end.
Result<void> confine_process();

}  // namespace fairlead::agent::nat
