#pragma once
// What several commands do: they run an agent, or look for the one that runs. One thread.
#include <string>

#include "agent/agent.h"

namespace fairlead::agent {

// Until a signal has stopped it; the exit code of the program.
int run_agent(AgentConfig config, const std::string& config_path, Agent::OnReachable on_reachable);
// The path that --socket or --config named, else of the usual configuration, else the default one.
Result<std::string> control_socket_of(const std::string& config, const std::string& socket);

}  // namespace fairlead::agent
