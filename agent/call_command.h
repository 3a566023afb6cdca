#pragma once
// What the commands that call services share: servers and identity, how failures and listening are told.
#include <optional>
#include <string>

#include "agent/setting/cli.h"

namespace fairlead::agent {

// One line with the next step; the exit code.
int complain_of_call(const Error& error);
// Servers, identity and limits: what options gave, else of the file.
Result<AgentConfig> caller_config(const std::optional<AgentConfig>& given, const std::string& file);
// The line that a person or a script waits for. `name`: what is called there; empty: every name.
void print_listening(const std::string& name, const std::string& address, config::AnswerFormat format);
void confine_caller(const AgentConfig& config);

}  // namespace fairlead::agent
