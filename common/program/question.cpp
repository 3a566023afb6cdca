#include "common/program/question.h"

#include "common/config/command_line.h"
#include "common/config/usage.h"
#include "common/net/control_socket.h"

namespace fairlead::program {

int ask(std::string_view program, const std::string& socket, const std::string& path_and_query) {
  const auto answer = net::query_control(config::socket_path(socket), path_and_query, kAnswerPatience);
  if (!answer) return config::complain(program, answer.error());
  return config::print({.exit_code = answer->status == 200 ? config::kExitSuccess : config::kExitFailed,
                        .out = answer->body,
                        .err = {}});
}

}  // namespace fairlead::program
