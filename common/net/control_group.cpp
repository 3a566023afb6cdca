#include "common/net/control_group.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "common/base/bytes.h"
#include "common/net/fd.h"

namespace fairlead::net {
namespace {

constexpr std::size_t kMaxGroupFile = 1 << 20;

std::string read_text(const char* file) {
  const Fd fd(::open(file, O_RDONLY | O_CLOEXEC));
  std::string out;
  std::array<char, 4096> block;
  while (fd.valid() && out.size() < kMaxGroupFile) {
    const ssize_t got = ::read(fd.get(), block.data(), block.size());
    if (got <= 0) break;
    out.append(block.data(), static_cast<std::size_t>(got));
  }
  return out;
}

// "name:password:gid:members"
std::optional<gid_t> read_line(std::string_view line, std::string_view name) {
  if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") return std::nullopt;
  const auto password_end = line.find(':', name.size() + 1);
  if (password_end == std::string_view::npos) return std::nullopt;
  const std::string_view rest = line.substr(password_end + 1);
  gid_t out = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), out);
  const std::string_view behind = rest.substr(static_cast<std::size_t>(end - rest.data()));
  if (error != std::errc() || !behind.starts_with(':') || out == 0) return std::nullopt;
  return out;
}

}  // namespace

std::optional<gid_t> find_group(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (const auto found = read_line(text.substr(0, end), name)) return found;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

// No link is followed: the folder may be one where others can put one in the socket's place.
void admit_control_group(const std::string& path, const char* group_file) {
  if (::geteuid() != 0) return;
  const auto group = find_group(read_text(group_file), kControlGroup);
  if (!group || ::lchown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) return;
  (void)::fchmodat(AT_FDCWD, path.c_str(), 0660, AT_SYMLINK_NOFOLLOW);
}

}  // namespace fairlead::net
