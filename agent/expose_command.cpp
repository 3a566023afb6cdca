// `expose` and `unexpose`: for good at the agent that runs; where none does, an agent in the foreground.
#include <fmt/format.h>

#include <cstdio>

#include "agent/agent_run.h"
#include "agent/commands.h"
#include "agent/exposing/exposing.h"
#include "common/base/json_writer.h"
#include "common/base/log.h"
#include "common/config/config_path.h"
#include "common/config/usage.h"

namespace fairlead::agent {
namespace {

constexpr Duration kPatience = 15s;  // for a server to answer
constexpr std::string_view kJoinFirst =
    "this host has not joined: `fairlead-agent join TOKEN` first, or name a server and an identity with --rendezvous, "
    "--cert, --key and --ca";

int complain(const Error& error) {
  return config::complain(kProgram, error);
}

int expose_in_foreground(AgentConfig config, const ExposeCommand& command) {
  config.services = command.services;
  config.egress.clear();  // calls are of the agent that will run
  config.proxy.reset();
  return run_agent(std::move(config), "", [format = command.format](const ServiceReport& service) {
    fmt::print("{}", format == config::AnswerFormat::json ? render_json(service) : render_text(service));
    std::fflush(stdout);
  });
}

// With the servers and the identity of the file; nothing is written.
int expose_without_agent(const ExposeCommand& command) {
  const config::ConfigPath path = config::find_config(command.config, kConfigFile);
  if (config::is_absent(path)) return config::print(config::unusable(kProgram, kJoinFirst));
  auto loaded = load_config(path.file);
  if (!loaded) return complain(loaded.error());
  log(Level::info, "no agent runs here: exposed until this program ends, and for good while one runs");
  return expose_in_foreground(std::move(loaded->config), command);
}

}  // namespace

int run_command(const ExposeCommand& command) {
  if (command.given) return expose_in_foreground(*command.given, command);
  const auto socket = control_socket_of(command.config, command.socket);
  if (!socket) return complain(socket.error());
  const auto agent = RunningAgent::find(*socket);
  if (!agent && agent.error().reason == Reason::not_running && command.socket.empty()) {
    return expose_without_agent(command);
  }
  if (!agent) return complain(agent.error());
  const auto lines = expose_at(*agent, command.services, command.format, kPatience);
  return lines ? config::print({.out = *lines, .err = {}}) : complain(lines.error());
}

int run_command(const UnexposeCommand& command) {
  const auto socket = control_socket_of(command.config, command.socket);
  if (!socket) return complain(socket.error());
  const auto agent = RunningAgent::find(*socket);
  const bool runs = agent.has_value();
  if (!runs && (agent.error().reason != Reason::not_running || !command.socket.empty())) return complain(agent.error());
  const std::string file = runs ? agent->config() : config::find_config(command.config, kConfigFile).file;
  const auto done = unexpose(runs ? &*agent : nullptr, config::absolute_path(file), command.name);
  if (!done) return complain(done.error());
  if (command.format == config::AnswerFormat::text) {
    return config::print({.out = fmt::format("{} is not exposed any more\n", command.name), .err = {}});
  }
  JsonWriter json;
  return config::print(
      {.out = json.begin_object().field("unexposed", command.name).end_object().take() + "\n", .err = {}});
}

}  // namespace fairlead::agent
