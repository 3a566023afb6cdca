#include "common/program/start_line.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace fairlead::program {
namespace {

constexpr std::string_view kSystemFolder = "/etc/fairlead/";
constexpr std::array kUnitFolders{"/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
                                  "/lib/systemd/system"};

bool is_there(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

bool has_unit(std::string_view program, const std::string& host) {
  // sd_booted(3)
  if (!is_there(host + "/run/systemd/system")) return false;
  return std::ranges::any_of(kUnitFolders, [&](const char* folder) {
    return is_there(fmt::format("{}{}/{}.service", host, folder, program));
  });
}

}  // namespace

std::string start_line(std::string_view program, const std::string& config, config::User user, Found found,
                       const std::string& host) {
  const bool of_system =
      config.starts_with(kSystemFolder) && config.find('/', kSystemFolder.size()) == std::string::npos;
  if (user == config::User::root && of_system && has_unit(program, host)) {
    return fmt::format("systemctl enable --now {}", program);
  }
  return found == Found::alone ? fmt::format("{} run", program) : fmt::format("{} run --config {}", program, config);
}

}  // namespace fairlead::program
