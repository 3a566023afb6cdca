#pragma once
// What both programs' command lines share: how to log, and what to print when there is nothing to run.
#include <string>
#include <string_view>

#include "common/base/log.h"
#include "common/base/result.h"

namespace fairlead::config {

inline constexpr int kExitSuccess = 0;
inline constexpr int kExitFailed = 1;    // failed at run time
inline constexpr int kExitUnusable = 2;  // unusable arguments or configuration
inline constexpr int kExitNotWell = 3;   // `status` answered, and something is not well

struct LogOptions {
  Level level = Level::info;
  LogFormat format = LogFormat::text;
  bool operator==(const LogOptions&) const = default;
};

// The text of --help, --version, explain, or of a complaint. main prints it and exits.
struct Answer {
  int exit_code = kExitSuccess;
  std::string out;
  std::string err;
};

// Writes both texts; the exit code for main to return.
int print(const Answer& answer);

// The one line of a command that failed, on stderr: "PROGRAM: reason: detail". A configuration error stands without its
// reason: it begins with file and line. Returns kExitUnusable for config_invalid and state_newer, else kExitFailed.
int complain(std::string_view program, const Error& error);

}  // namespace fairlead::config
