#pragma once
// The subcommands of fairlead-rendezvous; each returns the exit code of the program.
#include "rendezvous/setting/cli.h"

namespace fairlead::rendezvous {

int run_command(const RunCommand& command);
int run_command(const CheckCommand& command);
int run_command(const CaInitCommand& command);
int run_command(const CaIssueCommand& command);
int run_command(const SetupCommand& command);  // setup_command.cpp
int run_command(const TokenCommand& command);  // token_commands.cpp
// What that command prints.
Result<config::Answer> answer_token(const TokenCommand& command);
int run_command(const RevokeCommand& command);  // revoke_commands.cpp
int run_command(const StatusCommand& command);
int run_command(const ExplainCommand& command);

}  // namespace fairlead::rendezvous
