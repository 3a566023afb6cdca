#include "common/tls/private_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace fairlead::tls {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> failed(const std::filesystem::path& file, std::string_view doing) {
  return fail(Reason::io_failed, fmt::format("{}: cannot {}: {}", file.string(), doing, std::strerror(errno)));
}

Result<void> write_all(const std::filesystem::path& file, int fd, ByteView content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(file, "write");
    content = content.subspan(static_cast<std::size_t>(n));
  }
  if (::fsync(fd) != 0) return failed(file, "fsync");
  return {};
}

Result<void> sync_directory_of(const std::filesystem::path& file) {
  std::filesystem::path dir = file.parent_path();
  if (dir.empty()) dir = ".";
  const Descriptor fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return failed(dir, "fsync");
  return {};
}

Result<Bytes> read_to_end(const std::filesystem::path& file, const Descriptor& fd, std::size_t most) {
  Bytes content;
  std::uint8_t block[4096];
  for (;;) {
    const ssize_t n = ::read(fd.get(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(file, "read");
    if (n == 0) return content;
    content.insert(content.end(), block, block + n);
    if (content.size() > most)
      return fail(Reason::io_failed, fmt::format("{}: longer than {} bytes", file.string(), most));
  }
}

}  // namespace

Result<Bytes> read_whole_file(const std::filesystem::path& file, std::size_t most) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return failed(file, "open");
  return read_to_end(file, fd, most);
}

Result<Bytes> read_own_file(const std::filesystem::path& file, std::size_t most) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0) return failed(file, "open");
  if (!S_ISREG(status.st_mode)) return fail(Reason::io_failed, file.string() + ": is not a regular file");
  if (status.st_uid != ::geteuid()) return fail(Reason::io_failed, file.string() + ": belongs to another user");
  return read_to_end(file, fd, most);
}

Result<void> replace_private_file(const std::filesystem::path& file, ByteView content) {
  return replace_file(file, content, std::filesystem::perms(0600));
}

Result<void> replace_file(const std::filesystem::path& file, ByteView content, std::filesystem::perms mode) {
  std::filesystem::path temporary = file;
  temporary += ".new";
  ::unlink(temporary.c_str());  // left by a crash
  if (auto made = create_file(temporary, content, mode); !made) return made;
  return rename_file(temporary, file);
}

Result<void> rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed(to, "rename over");
  return sync_directory_of(to);
}

Result<void> remove_file(const std::filesystem::path& file) {
  if (::unlink(file.c_str()) == 0) return sync_directory_of(file);
  if (errno == ENOENT || errno == ENOTDIR) return {};
  return failed(file, "remove");
}

Result<void> create_file(const std::filesystem::path& file, ByteView content, std::filesystem::perms mode) {
  const auto bits = static_cast<mode_t>(mode);
  const Descriptor fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, bits));
  if (fd.get() < 0) return failed(file, "create");
  // open's mode is cut by the umask; the file is what was asked for, no more and no less.
  if (::fchmod(fd.get(), bits) != 0) return failed(file, "chmod");
  if (auto written = write_all(file, fd.get(), content); !written) {
    ::unlink(file.c_str());
    return written;
  }
  return sync_directory_of(file);
}

Result<void> check_writable(const std::filesystem::path& directory) {
  make_directories(directory);
  const std::filesystem::path probe = directory / ".writable";
  ::unlink(probe.c_str());  // left by a crash
  const std::string_view text = "x";
  const auto made = create_file(probe, as_bytes(text), std::filesystem::perms(0600));
  ::unlink(probe.c_str());
  if (!made) return fail(Reason::state_unwritable, made.error().detail);
  return {};
}

// std::filesystem's own brings every other operation on files, and iostreams with them, into a static program.
void make_directories(const std::filesystem::path& directory) {
  std::filesystem::path made;
  for (const auto& part : directory) {
    made /= part;
    ::mkdir(made.c_str(), 0755);
  }
}

}  // namespace fairlead::tls
