#pragma once
// What both command lines share and that needs no command-line library: complaints on one line, words for the log.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/config/command_line.h"

namespace fairlead::config {

inline constexpr std::string_view kLevelHelp = "trace, debug, info, warn or error; default info";
inline constexpr std::string_view kFormatHelp = "text or json; default text";

// The arguments of --log-level and --log-format; empty: not given.
struct LogWords {
  std::string level;
  std::string format;
};
Result<LogOptions> read_log_words(const LogWords& words);

// Exit code 2 and one line on stderr.
Answer unusable(std::string_view program, std::string_view wrong);
// Nothing, or an unknown word, stands where a command should. `later`: commands of coming versions.
Answer no_command(std::string_view program, const std::vector<std::string>& words,
                  std::span<const std::string_view> commands, std::span<const std::string_view> later);
// --socket takes PATH and, as the configuration writes it, unix:PATH.
std::string socket_path(std::string_view text);

}  // namespace fairlead::config
