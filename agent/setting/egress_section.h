#pragma once
// [[egress]] and [proxy] of agent.toml. Any thread.
#include "agent/setting/config.h"
#include "common/config/section.h"

namespace fairlead::agent {

// What does not fit is refused in the section's report. `earlier`: no two may listen on one address.
EgressConfig read_egress(config::Section section, const std::vector<EgressConfig>& earlier);

// A service whose target is a port that leads to this very service: each connection would make another one.
void refuse_loop(config::Section& section, const EgressConfig& egress, const AgentConfig& config);
// Nullopt: none is wanted.
std::optional<ListenAddress> read_proxy(config::Section section, const std::vector<EgressConfig>& egress);

}  // namespace fairlead::agent
