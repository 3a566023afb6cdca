#include "common/program/question.h"

#include "common/config/command_line.h"
#include "common/config/usage.h"
#include "common/net/control_socket.h"

namespace fairlead::program {

int ask(std::string_view program, const std::string& socket, const std::string& path_and_query) {
  const auto answer = net::query_control(config::socket_path(socket), path_and_query, kAnswerPatience);
  if (!answer) return config::complain(program, answer.error());
  int exit_code = answer->status == net::kWellStatus ? config::kExitSuccess : config::kExitFailed;
  if (answer->status == net::kNotWellStatus) exit_code = config::kExitNotWell;
  return config::print({.exit_code = exit_code, .out = answer->body, .err = {}});
}

}  // namespace fairlead::program
