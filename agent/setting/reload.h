#pragma once
// What a reload does to a running agent's configuration: pure. Every key either is in effect afterwards or is named as
// needing a restart; tests/agent/setting/reload_test.cpp walks all of them.
#include <string>
#include <vector>

#include "agent/setting/config.h"

namespace fairlead::agent {

struct Reload {
  AgentConfig config;                    // what is in effect from now on
  std::vector<std::string> for_restart;  // keys that differ in the file and keep their value: "agent.name"
};

Reload plan_reload(const AgentConfig& running, AgentConfig wanted);

}  // namespace fairlead::agent
