#pragma once
// The commands that ask a running program and print its answer, the same for both command lines.
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace fairlead::program {

inline constexpr Duration kAnswerPatience = 10s;

// GET path_and_query at the control socket, written PATH or unix:PATH. The answer goes to stdout, a complaint to
// stderr. The exit code: success for 200, not well for net::kNotWellStatus, else failed.
int ask(std::string_view program, const std::string& socket, const std::string& path_and_query);

}  // namespace fairlead::program
