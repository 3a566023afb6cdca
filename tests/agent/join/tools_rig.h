#pragma once
// What an agent's parts are given, on a loop of the test's own.
#include "agent/resource/agent_tools.h"
#include "tests/common/net/rig.h"

namespace fairlead::agent {

struct ToolsRig {
  net::test::Worker worker;
  AgentConfig config;
  Counters counters;
  SeededRng rng{1};
  AgentTools tools{.loop = worker.loop,
                   .channel = {worker.poller, worker.pipes, worker.farewells},
                   .config = config,
                   .counters = counters,
                   .rng = rng};
};

}  // namespace fairlead::agent
