#include "common/config/identity.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/config/fields.h"
#include "common/config/nearest.h"

namespace fairlead::config {
namespace {

Result<void> check_readable(const std::string& file, std::string_view key, const std::string& path) {
  const auto refuse = [&](std::string_view wrong) {
    return fail(Reason::config_invalid,
                fmt::format("{}: identity.{}: {}: {}; allowed: a PEM file that this user can read", file, key,
                            one_line(path), wrong));
  };
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return refuse(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return refuse("is not a regular file");
  if (::access(path.c_str(), R_OK) != 0) return refuse(std::strerror(errno));
  return {};
}

}  // namespace

IdentityConfig read_identity(Section& section) {
  IdentityConfig out;
  out.cert = required_file(section, "cert");
  out.key = required_file(section, "key");
  out.ca = required_file(section, "ca");
  return out;
}

Result<void> check_identity_files(const IdentityConfig& identity, const std::string& file) {
  if (auto checked = check_readable(file, "cert", identity.cert); !checked) return checked;
  if (auto checked = check_readable(file, "key", identity.key); !checked) return checked;
  return check_readable(file, "ca", identity.ca);
}

Result<void> check_socket_path(const std::string& path, std::string_view key, const std::string& file) {
  struct stat status{};
  if (path.empty() || ::lstat(path.c_str(), &status) != 0 || S_ISSOCK(status.st_mode)) return {};
  return fail(Reason::config_invalid, fmt::format("{}: {}: {}: is there and is no socket; allowed: a path of its own",
                                                  file, key, one_line(path)));
}

}  // namespace fairlead::config
