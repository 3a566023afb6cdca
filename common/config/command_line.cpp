#include "common/config/command_line.h"

#include <cstdio>

namespace fairlead::config {

int print(const Answer& answer) {
  std::fwrite(answer.out.data(), 1, answer.out.size(), stdout);
  std::fwrite(answer.err.data(), 1, answer.err.size(), stderr);
  const bool written = std::fflush(stdout) == 0;
  return answer.exit_code == kExitSuccess && !written ? kExitFailed : answer.exit_code;
}

int complain(std::string_view program, const Error& error) {
  const bool unusable = error.reason == Reason::config_invalid || error.reason == Reason::state_newer;
  const bool coded = error.reason != Reason::config_invalid;
  const std::string reason = coded ? std::string(reason_code(error.reason)) + ": " : "";
  return print({.exit_code = unusable ? kExitUnusable : kExitFailed,
                .out = {},
                .err = std::string(program) + ": " + reason + error.detail + "\n"});
}

}  // namespace fairlead::config
