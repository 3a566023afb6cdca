#pragma once
// The agent's command line as plain values. Called once by main, before any thread.
#include <cstddef>
#include <string>
#include <variant>

#include "agent/setting/config.h"
#include "common/config/command_line.h"
#include "common/config/explain.h"

namespace fairlead::agent {

inline constexpr std::string_view kProgram = "fairlead-agent";
inline constexpr std::string_view kConfigFile = "agent.toml";

struct RunCommand {
  std::string config;  // here and below: the file that an option named; empty: the usual one
  config::UnknownKeys unknown_keys = config::UnknownKeys::refuse;
};
struct CheckCommand {
  std::string config;
};
// Adds services to the agent that runs; where none does, runs one for them.
struct ExposeCommand {
  std::vector<ServiceConfig> services;
  std::optional<AgentConfig> given;  // servers and identity by options: an agent of its own
  std::string config;                // else as for `status`
  std::string socket;
  config::AnswerFormat format = config::AnswerFormat::text;
};
struct UnexposeCommand {
  std::string name;
  std::string config;  // as for `status`
  std::string socket;
  config::AnswerFormat format = config::AnswerFormat::text;
};
// Calls a service by its name.
enum class CallFrom : std::uint8_t { listener, stdio, check };
struct ConnectCommand {
  std::string name;    // NAME[:PORT], as it was typed
  std::string listen;  // LISTEN, as it was typed; empty: not given
  CallFrom from = CallFrom::listener;
  std::vector<std::string> expect;  // SPIFFE patterns; empty: they follow from the name
  std::string config;
  std::optional<AgentConfig> given;  // servers and identity by options, instead of a file
  config::AnswerFormat format = config::AnswerFormat::text;
};
// A port for every name of the mesh.
struct ProxyCommand {
  std::string listen;  // as it was typed; empty: not given
  std::string config;
  std::optional<AgentConfig> given;  // as of ConnectCommand
  config::AnswerFormat format = config::AnswerFormat::text;
};
struct StatusCommand {
  std::string config;  // at most one of the two is set; neither: that of the usual file, else the default path
  std::string socket;
  config::AnswerFormat format = config::AnswerFormat::text;
};
// The doctor; an agent that runs answers from what it knows.
struct ProbeCommand {
  std::string config;
  std::vector<HostPort> rendezvous;  // instead of those of the file
  config::AnswerFormat format = config::AnswerFormat::text;
};
enum class Again : std::uint8_t { no, yes };
// One of `token` and `token_file` is set.
struct JoinCommand {
  std::string token;
  std::string token_file;  // "-": standard input
  std::string name;        // one label; empty: the host's
  std::string dir;         // empty: the folder of the usual configuration
  Again again = Again::no;
  config::AnswerFormat format = config::AnswerFormat::text;
};
struct ExplainCommand {
  std::string code;  // empty: all
  config::AnswerFormat format = config::AnswerFormat::text;
};

using Command = std::variant<RunCommand, CheckCommand, JoinCommand, ExposeCommand, UnexposeCommand, ConnectCommand,
                             ProxyCommand, StatusCommand, ProbeCommand, ExplainCommand>;

struct CommandLine {
  Command command;
  config::LogOptions log;
};

// What to do, or what to print and the exit code: --help and --version (0), unusable arguments (2).
std::variant<CommandLine, config::Answer> parse_command_line(int argc, const char* const* argv);

}  // namespace fairlead::agent
