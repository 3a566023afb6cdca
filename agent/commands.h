#pragma once
// The subcommands of fairlead-agent; each returns the exit code of the program.
#include "agent/setting/cli.h"

namespace fairlead::agent {

int run_command(const RunCommand& command);
int run_command(const CheckCommand& command);
int run_command(const ExposeCommand& command);
int run_command(const UnexposeCommand& command);
int run_command(const ConnectCommand& command);
int run_command(const ProxyCommand& command);
int run_command(const StatusCommand& command);
int run_command(const ProbeCommand& command);
int run_command(const JoinCommand& command);
int run_command(const ExplainCommand& command);

}  // namespace fairlead::agent
