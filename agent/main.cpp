// fairlead-agent: reads the command line and runs one command.
#include <string_view>

#include "agent/commands.h"
#include "agent/nat/upnp_helper.h"
#include "common/base/log.h"
#include "common/net/process_start.h"

int main(int argc, char** argv) {
  using namespace fairlead;
  // Before anything else: what it must not have, it must not get.
  if (argc == 2 && std::string_view(argv[1]) == agent::nat::kUpnpHelperCommand) return agent::nat::upnp_helper_main();
  net::begin_process();
  auto parsed = agent::parse_command_line(argc, argv);
  if (const auto* answer = std::get_if<config::Answer>(&parsed)) return config::print(*answer);
  const auto& line = std::get<agent::CommandLine>(parsed);
  set_log_level(line.log.level);
  set_log_format(line.log.format);
  if (!std::holds_alternative<agent::RunCommand>(line.command)) net::release_hangup();
  const int exit_code = std::visit([](const auto& command) { return agent::run_command(command); }, line.command);
  flush_log();
  return exit_code;
}
