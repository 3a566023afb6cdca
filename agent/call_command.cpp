#include "agent/call_command.h"

#include <fmt/format.h>

#include <cstdio>

#include "agent/calling/call_failure.h"
#include "common/base/json_writer.h"
#include "common/base/log.h"
#include "common/config/config_path.h"
#include "common/confine/program.h"

namespace fairlead::agent {

int complain_of_call(const Error& error) {
  const bool unusable = error.reason == Reason::config_invalid;
  return config::complain(kProgram, unusable ? error : Error{error.reason, with_next_step(error)});
}

Result<AgentConfig> caller_config(const std::optional<AgentConfig>& given, const std::string& file) {
  if (given) return *given;
  auto loaded = load_config(config::find_config(file, kConfigFile).file);
  if (!loaded) return tl::unexpected(loaded.error());
  return std::move(loaded->config);
}

void print_listening(const std::string& name, const std::string& address, config::AnswerFormat format) {
  if (format == config::AnswerFormat::json) {
    JsonWriter json;
    json.begin_object().field("listen", address);
    if (!name.empty()) json.field("name", name);
    fmt::print("{}\n", json.end_object().take());
  } else {
    fmt::print("{}\n", address);
  }
  std::fflush(stdout);
}

void confine_caller(const AgentConfig& config) {
  if (config.confine) log(Level::debug, "confined", {{"by", confine::confine_program({})}});
}

}  // namespace fairlead::agent
