#include <fmt/format.h>

#include <cstdio>

#include "agent/calling/call_check.h"
#include "agent/calling/call_failure.h"
#include "agent/commands.h"
#include "common/config/config_path.h"

namespace fairlead::agent {
namespace {

int complain(const Error& error) {
  const bool unusable = error.reason == Reason::config_invalid;
  return config::complain("fairlead-agent", unusable ? error : Error{error.reason, with_next_step(error)});
}

// Servers, identity and limits: of the options, else of the file.
Result<AgentConfig> config_of(const ConnectCommand& command) {
  if (command.given) return *command.given;
  auto loaded = load_config(config::find_config(command.config, kConfigFile).file);
  if (!loaded) return tl::unexpected(loaded.error());
  return std::move(loaded->config);
}

int check(CallLoop& calls, config::AnswerFormat format) {
  const auto report = check_call(calls);
  if (!report) return complain(report.error());
  fmt::print("{}", format == config::AnswerFormat::json ? render_json(*report) : render_text(*report));
  return config::kExitSuccess;
}

}  // namespace

int run_command(const ConnectCommand& command) {
  auto name = read_called_name(command.name, command.expect);
  if (!name) return complain(name.error());
  const auto config = config_of(command);
  if (!config) return complain(config.error());
  auto calls = CallLoop::open(*config, std::move(*name));
  if (!calls) return complain(calls.error());
  return check(**calls, command.format);
}

}  // namespace fairlead::agent
