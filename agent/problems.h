#pragma once
// What is not well at this agent, from its report: pure; any thread.
#include <vector>

#include "agent/status.h"

namespace fairlead::agent {

// The certificate's end, what the host withholds, log lines that were lost, services that nobody can reach, whose
// target fails or that live without a name they asked for, and sessions that are down while fewer than `sessions` are
// up.
std::vector<Problem> find_problems(const StatusReport& report, std::size_t sessions);

}  // namespace fairlead::agent
