#pragma once
// [[egress]] of agent.toml. Any thread.
#include "agent/setting/config.h"
#include "common/config/section.h"

namespace fairlead::agent {

// What does not fit is refused in the section's report. `earlier`: no two may listen on one address.
EgressConfig read_egress(config::Section section, const std::vector<EgressConfig>& earlier);

}  // namespace fairlead::agent
