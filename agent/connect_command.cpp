#include <fmt/format.h>
#include <unistd.h>

#include "agent/call_command.h"
#include "agent/calling/call_check.h"
#include "agent/calling/call_listener.h"
#include "agent/calling/stdio_call.h"
#include "agent/commands.h"

namespace fairlead::agent {
namespace {

int check(CallLoop& calls, CalledService& service, config::AnswerFormat format) {
  const auto report = check_call(calls, service);
  if (!report) return complain_of_call(report.error());
  fmt::print("{}", format == config::AnswerFormat::json ? render_json(*report) : render_text(*report));
  return config::kExitSuccess;
}

int listen(CallLoop& calls, CalledService& service, const AgentConfig& config, const ConnectCommand& command) {
  const auto address = read_listen_address(command.listen);
  if (!address) return complain_of_call(address.error());
  const CallLimits limits{.at_a_time = calls.tools().room.relays_max(), .relay = calls.relay_limits()};
  const auto listener = CallListener::open(calls.tools(), service, *address, limits);
  if (!listener) return complain_of_call(listener.error());
  print_listening(service.name.sni, (*listener)->address(), command.format);
  confine_caller(config);
  calls.run();
  return config::kExitSuccess;
}

int call_from_stdio(CallLoop& calls, CalledService& service, const AgentConfig& config) {
  std::optional<CallEnd> end;
  StdioCall call(calls.tools(), service, calls.relay_limits(), [&](const CallEnd& how) {
    end = how;
    calls.loop().stop();
  });
  confine_caller(config);
  if (const auto started = call.start(STDIN_FILENO, STDOUT_FILENO); !started) return complain_of_call(started.error());
  calls.run();
  if (!end) return config::kExitFailed;  // a signal
  if (end->reason == Reason::completed) return config::kExitSuccess;
  return complain_of_call(
      {end->reason, end->failed() ? end->detail : service.name.sni + ": the connection was cut off"});
}

}  // namespace

int run_command(const ConnectCommand& command) {
  auto name = read_called_name(command.name, command.expect);
  if (!name) return complain_of_call(name.error());
  const auto config = caller_config(command.given, command.config);
  if (!config) return complain_of_call(config.error());
  auto calls = CallLoop::open(*config);
  if (!calls) return complain_of_call(calls.error());
  CalledService service = (*calls)->service(std::move(*name));
  if (command.from == CallFrom::check) return check(**calls, service, command.format);
  if (command.from == CallFrom::stdio) return call_from_stdio(**calls, service, *config);
  return listen(**calls, service, *config, command);
}

}  // namespace fairlead::agent
