#pragma once
// The agent's commands with their options and help, and what they are parsed into. For cli.cpp, which makes commands of
// them.
#include <string>
#include <vector>

#include "common/config/arguments.h"
#include "common/config/usage.h"

namespace fairlead::agent {

// All as it was typed; empty or false: not given.
struct Arguments {
  config::LogWords log;
  std::string config;
  std::string dir;
  std::string socket;
  std::string code;
  std::string token;
  std::string token_file;
  bool lenient = false;
  bool json = false;
  bool check = false;
  bool stdio = false;
  bool again = false;

  std::vector<std::string> targets;
  std::vector<std::string> rendezvous;
  std::vector<std::string> expect;
  std::string called, listen;
  std::vector<std::string> allow;
  std::string cert, key, ca, cluster, name;
};

// `in` outlives it.
config::ProgramUsage program_usage(Arguments& in);

}  // namespace fairlead::agent
