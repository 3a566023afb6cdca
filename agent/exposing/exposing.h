#pragma once
// `expose` and `unexpose` at an agent that runs: the service's file is written, read as the agent reads it, taken on by
// a reload, and waited for; what is refused anywhere on this way leaves everything as it was. Blocking; one thread.
//
//   check the names -> write services.d/NAME.toml -> read all -> reload -> wait for a server
//                            any refusal: <- undo <- reload once more (where it was taken on)
#include <string>
#include <vector>

#include "agent/exposing/running_agent.h"
#include "agent/setting/config.h"

namespace fairlead::agent {

// What to print, a line for each service. Errors: config_invalid (the arguments, or the configuration as it stands),
// name_taken (another file holds the name), the reason of servers that refuse a service, io_failed. Where no server has
// answered within `patience`, that is an error too, but the services stay, and the agent goes on asking.
Result<std::string> expose_at(const RunningAgent& agent, std::vector<ServiceConfig> services,
                              config::AnswerFormat format, Duration patience);

// Takes away what `expose` added. `agent`: null where none runs; `config`: its file, absolute. unknown_service,
// name_taken when it stands in another file, which is named; config_invalid when the agent refuses what is left: then
// it stays.
Result<void> unexpose(const RunningAgent* agent, const std::string& config, const std::string& name);

}  // namespace fairlead::agent
