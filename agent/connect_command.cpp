#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "agent/calling/call_check.h"
#include "agent/calling/call_failure.h"
#include "agent/calling/call_listener.h"
#include "agent/calling/stdio_call.h"
#include "agent/commands.h"
#include "common/base/json_writer.h"
#include "common/base/log.h"
#include "common/config/config_path.h"
#include "common/confine/program.h"

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

// The line that a person or a script waits for.
void print_listening(const std::string& name, const std::string& address, config::AnswerFormat format) {
  if (format == config::AnswerFormat::json) {
    JsonWriter json;
    fmt::print("{}\n", json.begin_object().field("listen", address).field("name", name).end_object().take());
  } else {
    fmt::print("{}\n", address);
  }
  std::fflush(stdout);
}

int listen(CallLoop& calls, const AgentConfig& config, const ConnectCommand& command) {
  const auto address = read_listen_address(command.listen);
  if (!address) return complain(address.error());
  const CallLimits limits{.at_a_time = calls.tools().room.relays_max(), .relay = calls.relay_limits()};
  const auto listener = CallListener::open(calls.tools(), calls.service(), *address, limits);
  if (!listener) return complain(listener.error());
  print_listening(calls.service().name.sni, (*listener)->address(), command.format);
  if (config.confine) log(Level::debug, "confined", {{"by", confine::confine_program({})}});
  calls.run();
  return config::kExitSuccess;
}

int call_from_stdio(CallLoop& calls, const AgentConfig& config) {
  std::optional<CallEnd> end;
  StdioCall call(calls.tools(), calls.service(), calls.relay_limits(), [&](const CallEnd& how) {
    end = how;
    calls.loop().stop();
  });
  if (config.confine) log(Level::debug, "confined", {{"by", confine::confine_program({})}});
  if (const auto started = call.start(STDIN_FILENO, STDOUT_FILENO); !started) return complain(started.error());
  calls.run();
  if (!end) return config::kExitFailed;  // a signal
  if (end->reason == Reason::completed) return config::kExitSuccess;
  return complain(
      {end->reason, end->failed() ? end->detail : calls.service().name.sni + ": the connection was cut off"});
}

}  // namespace

int run_command(const ConnectCommand& command) {
  auto name = read_called_name(command.name, command.expect);
  if (!name) return complain(name.error());
  const auto config = config_of(command);
  if (!config) return complain(config.error());
  auto calls = CallLoop::open(*config, std::move(*name));
  if (!calls) return complain(calls.error());
  if (command.from == CallFrom::check) return check(**calls, command.format);
  if (command.from == CallFrom::stdio) return call_from_stdio(**calls, *config);
  return listen(**calls, *config, command);
}

}  // namespace fairlead::agent
