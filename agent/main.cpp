// fairlead-agent: reads the command line and runs one command.
#include "agent/commands.h"
#include "common/base/log.h"
#include "common/net/signals.h"

int main(int argc, char** argv) {
  using namespace fairlead;
  net::ignore_sigpipe();
  auto parsed = agent::parse_command_line(argc, argv);
  if (const auto* answer = std::get_if<config::Answer>(&parsed)) return config::print(*answer);
  const auto& line = std::get<agent::CommandLine>(parsed);
  set_log_level(line.log.level);
  set_log_format(line.log.format);
  return std::visit([](const auto& command) { return agent::run_command(command); }, line.command);
}
