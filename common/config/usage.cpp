#include "common/config/usage.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "common/config/nearest.h"

namespace fairlead::config {
namespace {

constexpr std::size_t kMaxLine = 1000;

}  // namespace

Result<LogOptions> read_log_words(const LogWords& words) {
  LogOptions out;
  if (!words.level.empty()) {
    const auto level = parse_level(words.level);
    if (!level) {
      return fail(Reason::config_invalid,
                  fmt::format("--log-level {}: allowed: trace, debug, info, warn, error", shown(words.level)));
    }
    out.level = *level;
  }
  if (words.format == "json") {
    out.format = LogFormat::json;
  } else if (!words.format.empty() && words.format != "text") {
    return fail(Reason::config_invalid, fmt::format("--log-format {}: allowed: text, json", shown(words.format)));
  }
  return out;
}

Answer unusable(std::string_view program, std::string_view wrong) {
  return {kExitUnusable, "",
          fmt::format("{}: {}; see --help\n", program, one_line(std::string(wrong.substr(0, kMaxLine))))};
}

Answer no_command(std::string_view program, const std::vector<std::string>& words,
                  std::span<const std::string_view> commands, std::span<const std::string_view> later) {
  const std::string allowed = fmt::format("allowed: {}", fmt::join(commands, ", "));
  if (words.empty()) return unusable(program, fmt::format("a command is missing; {}", allowed));
  const std::string& word = words.front();
  if (word.starts_with('-')) return unusable(program, fmt::format("{} is not an option", shown(word)));
  if (std::find(later.begin(), later.end(), word) != later.end()) {
    return unusable(program, fmt::format("{} is not available in this version; {}", word, allowed));
  }
  return unusable(program,
                  fmt::format("{} is not a command{}; {}", shown(word), nearest_hint(word, commands), allowed));
}

std::string socket_path(std::string_view text) {
  constexpr std::string_view kPrefix = "unix:";
  return std::string(text.starts_with(kPrefix) ? text.substr(kPrefix.size()) : text);
}

}  // namespace fairlead::config
