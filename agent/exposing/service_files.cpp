#include "agent/exposing/service_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent/setting/exposed.h"
#include "common/tls/private_file.h"

namespace fairlead::agent {
namespace {

constexpr const char* kFolder = "services.d";
constexpr const char* kEnding = ".toml";
constexpr auto kPublic = std::filesystem::perms(0644);
constexpr std::size_t kMaxFile = 1 << 20;
constexpr std::string_view kHead = "# Made by `fairlead-agent expose`; `fairlead-agent unexpose` takes it away.\n";

bool same_file(const std::string& a, const std::string& b) {
  struct stat first{};
  struct stat second{};
  if (::stat(a.c_str(), &first) != 0 || ::stat(b.c_str(), &second) != 0) return false;
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace

std::filesystem::path ServiceFiles::of(const std::string& name) const {
  return config_.parent_path() / kFolder / (name + kEnding);
}

bool ServiceFiles::is_there(const std::string& name) const {
  return ::access(of(name).c_str(), F_OK) == 0;
}

ServicePlace ServiceFiles::find(const AgentConfig& config, const std::string& name) const {
  const auto at = std::ranges::find(config.services, name, &ServiceConfig::name);
  if (at == config.services.end()) return {};
  if (!same_file(at->file, of(name).string())) return {ServicePlace::Kind::elsewhere, at->file};
  const auto here = std::ranges::count(config.services, at->file, &ServiceConfig::file);
  return {here == 1 ? ServicePlace::Kind::own : ServicePlace::Kind::own_shared, at->file};
}

Result<void> ServiceFiles::write(const ServiceConfig& service) {
  const std::filesystem::path file = of(service.name);
  tls::make_directories(file.parent_path());
  if (auto remembered = remember(file); !remembered) return remembered;
  auto written = tls::replace_file(file, as_bytes(std::string(kHead) + service_toml(service)), kPublic);
  if (!written) changes_.pop_back();
  return written;
}

Result<void> ServiceFiles::remove(const std::string& name) {
  const std::filesystem::path file = of(name);
  if (auto remembered = remember(file); !remembered) return remembered;
  auto removed = tls::remove_file(file);
  if (!removed) changes_.pop_back();
  return removed;
}

Result<void> ServiceFiles::undo() {
  Result<void> out;
  for (; !changes_.empty(); changes_.pop_back()) {
    const Change& last = changes_.back();
    auto done = last.before ? tls::replace_file(last.file, *last.before, kPublic) : tls::remove_file(last.file);
    if (!done && out) out = std::move(done);
  }
  return out;
}

Result<void> ServiceFiles::remember(const std::filesystem::path& file) {
  if (::access(file.c_str(), F_OK) != 0) {
    changes_.push_back({file, std::nullopt});
    return {};
  }
  auto before = tls::read_whole_file(file, kMaxFile);
  if (!before) return tl::unexpected(before.error());
  changes_.push_back({file, std::move(*before)});
  return {};
}

}  // namespace fairlead::agent
