#include "agent/commands.h"

#include <fmt/format.h>

#include <cstdio>

#include "agent/agent.h"
#include "agent/agent_run.h"
#include "agent/bare_probe.h"
#include "common/base/log.h"
#include "common/config/config_path.h"
#include "common/config/units.h"
#include "common/net/control_socket.h"
#include "common/net/loop.h"
#include "common/program/check.h"
#include "common/program/question.h"
#include "common/tls/time_text.h"

namespace fairlead::agent {
namespace {

int complain(const Error& error) {
  return config::complain(kProgram, error);
}

// What the ceiling comes to.
void print_memory(const AgentConfig& config) {
  if (config.limits.memory == 0) return;
  const MemoryBudget budget(config.limits.memory, config.limits.relays_max);
  fmt::print(
      "memory {}: at least {} relays at a time, with buffers of {} each way; channels kept ready: {} per server\n",
      config::format_size(budget.max()), budget.relays(), config::format_size(budget.first_buffers().bytes),
      budget.pool_max(config.pool.max));
}

// The exit code says whether services here would be reachable at all.
int print_probe(const ProbeFacts& facts, config::AnswerFormat format) {
  const Diagnosis diagnosis = diagnose(facts);
  fmt::print("{}",
             format == config::AnswerFormat::json ? render_json(facts, diagnosis) : render_text(facts, diagnosis));
  return diagnosis.path == PathKind::none ? config::kExitFailed : config::kExitSuccess;
}

}  // namespace

int run_command(const RunCommand& command) {
  const std::string file = config::find_config(command.config, kConfigFile).file;
  auto loaded = load_config(file, command.unknown_keys);
  if (!loaded) return complain(loaded.error());
  for (const std::string& warning : loaded->warnings) log(Level::warn, warning);
  return run_agent(std::move(loaded->config), file, {});
}

int run_command(const CheckCommand& command) {
  const std::string file = config::find_config(command.config, kConfigFile).file;
  const auto loaded = load_config(file);
  if (!loaded) return complain(loaded.error());
  if (const auto files = check_files(loaded->config, file); !files) {
    return complain(files.error());
  }
  if (const auto services = load_service_credentials(loaded->config); !services) return complain(services.error());
  const int exit_code = program::check_identity(kProgram, file, loaded->config.identity, net::wall_now());
  if (exit_code == config::kExitSuccess) print_memory(loaded->config);
  return exit_code;
}

int run_command(const StatusCommand& command) {
  const auto socket = control_socket_of(command.config, command.socket);
  if (!socket) return complain(socket.error());
  const bool json = command.format == config::AnswerFormat::json;
  return program::ask(kProgram, *socket, json ? "/status?format=json" : "/status?format=text");
}

int run_command(const ProbeCommand& command) {
  if (!log_enabled(Level::debug)) set_log_level(Level::error);  // the report says it, and better
  const bool json = command.format == config::AnswerFormat::json;
  const config::ConfigPath path = config::find_config(command.config, kConfigFile);
  if (config::is_absent(path)) {
    AgentConfig bare;
    bare.rendezvous = command.rendezvous;
    bare.state_dir.clear();
    fmt::print(stderr, "no configuration file: without an identity nobody outside can be asked to connect back\n");
    return print_probe(BareProbe(std::move(bare)).run(), command.format);
  }
  auto loaded = load_config(path.file);
  if (!loaded) return complain(loaded.error());
  AgentConfig config = std::move(loaded->config);
  if (command.rendezvous.empty()) {
    // The agent that runs holds the ports and the session: what it knows is the answer.
    const auto answer = net::query_control(config.control_path, json ? "/probe?format=json" : "/probe?format=text",
                                           program::kAnswerPatience);
    if (answer) {
      std::fwrite(answer->body.data(), 1, answer->body.size(), stdout);
      return answer->status == 200 ? config::kExitSuccess : config::kExitFailed;
    }
  } else {
    config.rendezvous = command.rendezvous;
  }
  config.services.clear();
  config.control_path.clear();
  config.state_dir.clear();
  auto agent = Agent::open(std::move(config), "", {});
  if (!agent) return complain(agent.error());
  return print_probe((*agent)->probe([](const std::string& line) { fmt::print(stderr, "{}\n", line); }),
                     command.format);
}

int run_command(const ExplainCommand& command) {
  return config::print(config::explain(command.code, command.format));
}

}  // namespace fairlead::agent
