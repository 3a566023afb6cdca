// fairlead-rendezvous: reads the command line and runs one command.
#include "common/base/log.h"
#include "common/net/process_start.h"
#include "rendezvous/commands.h"

int main(int argc, char** argv) {
  using namespace fairlead;
  net::begin_process();
  auto parsed = rendezvous::parse_command_line(argc, argv);
  if (const auto* answer = std::get_if<config::Answer>(&parsed)) return config::print(*answer);
  const auto& line = std::get<rendezvous::CommandLine>(parsed);
  set_log_level(line.log.level);
  set_log_format(line.log.format);
  if (!std::holds_alternative<rendezvous::RunCommand>(line.command)) net::release_hangup();
  const int exit_code = std::visit([](const auto& command) { return rendezvous::run_command(command); }, line.command);
  flush_log();
  return exit_code;
}
