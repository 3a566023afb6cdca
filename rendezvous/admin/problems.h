#pragma once
// What is not well at this server, from a report and the registry's view: pure; any thread.
#include <vector>

#include "rendezvous/admin/status.h"

namespace fairlead::rendezvous {

// What the host withholds, log lines that were lost, the server's own certificate, limits that are nearly full, or that
// turned away or closed somebody lately (`recently`: counts of the last minutes), cloned identities, endpoints whose
// connections fail, dial-backs that fail for everybody.
std::vector<Problem> find_problems(const StatusReport& report, const RegistryView& view,
                                   const std::vector<ReasonCount>& recently);

}  // namespace fairlead::rendezvous
