#include "common/config/config_path.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <filesystem>

namespace fairlead::config {
namespace {

constexpr std::string_view kSystemFolder = "/etc";

// An empty variable counts as one that is not set, a relative one is to be ignored (XDG Base Directory Specification).
std::optional<std::string> absolute_folder(const Environment& environment, const std::string& name) {
  auto value = environment(name);
  if (!value || !value->starts_with('/')) return std::nullopt;
  return value;
}

std::string config_home(User user, const Environment& environment) {
  if (user == User::root) return std::string(kSystemFolder);
  if (auto folder = absolute_folder(environment, "XDG_CONFIG_HOME")) return *folder;
  if (const auto home = absolute_folder(environment, "HOME")) return *home + "/.config";
  return std::string(kSystemFolder);
}

}  // namespace

User user_of_process() {
  return ::geteuid() == 0 ? User::root : User::ordinary;
}

ConfigPath default_config_path(std::string_view file_name, User user, const Environment& environment) {
  if (auto named = environment("FAIRLEAD_CONFIG"); named && !named->empty()) {
    return {std::move(*named), ConfigPath::Origin::named};
  }
  return {fmt::format("{}/fairlead/{}", config_home(user, environment), file_name), ConfigPath::Origin::usual};
}

std::string named_config(const std::string& file, const std::string& dir, std::string_view file_name) {
  if (!file.empty() || dir.empty()) return file;
  return fmt::format("{}{}{}", dir, dir.ends_with('/') ? "" : "/", file_name);
}

ConfigPath find_config(const std::string& named, std::string_view file_name) {
  if (!named.empty()) return {named, ConfigPath::Origin::named};
  return default_config_path(file_name, user_of_process(), process_environment());
}

bool is_absent(const ConfigPath& path) {
  return path.origin == ConfigPath::Origin::usual && ::access(path.file.c_str(), F_OK) != 0 &&
         (errno == ENOENT || errno == ENOTDIR);
}

// std::filesystem::absolute would bring every other operation on files into a static program.
std::string absolute_path(const std::string& path) {
  char here[PATH_MAX] = "/";
  if (!path.starts_with('/') && ::getcwd(here, sizeof here) == nullptr) return path;
  return (std::filesystem::path(here) / path).lexically_normal().string();
}

}  // namespace fairlead::config
