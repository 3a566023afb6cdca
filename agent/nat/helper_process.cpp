#include "agent/nat/helper_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "agent/nat/upnp_exchange.h"
#include "agent/nat/upnp_helper.h"
#include "common/net/socket.h"

namespace fairlead::agent::nat {
namespace {

// The helper closes what it inherited besides these three; all our descriptors are close-on-exec anyway.
Result<pid_t> spawn(const std::string& path, int socket) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, socket, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  // A group of its own: the Ctrl-C that stops the agent must not stop the helper that deletes its mapping.
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);

  std::string program = path;
  std::string command = kUpnpHelperCommand;
  std::array<char*, 3> arguments{program.data(), command.data(), nullptr};
  std::array<char*, 1> environment{nullptr};  // nothing of ours is the helper's business
  pid_t pid = -1;
  const int error = posix_spawn(&pid, path.c_str(), &actions, &attributes, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail(Reason::io_failed, fmt::format("cannot start {}: {}", path, std::strerror(error)));
  return pid;
}

}  // namespace

Result<std::unique_ptr<HelperProcess>> HelperProcess::start(net::Poller& poller, const std::string& path,
                                                            const std::string& input, OnEnd on_end) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(Reason::io_failed, "cannot make a socket pair for the UPnP helper");
  }
  net::Fd ours(ends[0]);
  const net::Fd theirs(ends[1]);
  const int flags = ::fcntl(ours.get(), F_GETFL);
  ::fcntl(ours.get(), F_SETFL, flags | O_NONBLOCK);
  auto pid = spawn(path, theirs.get());
  if (!pid) return tl::unexpected(pid.error());
  // A fresh socket pair takes kMaxUpnpMessage bytes at once; if it did not, the helper would see a cut request and end.
  [[maybe_unused]] const auto written = net::write_some(ours.get(), as_bytes(input));
  net::shut_down_writing(ours.get());
  return std::unique_ptr<HelperProcess>(new HelperProcess(poller, *pid, std::move(ours), std::move(on_end)));
}

HelperProcess::HelperProcess(net::Poller& poller, pid_t pid, net::Fd socket, OnEnd on_end)
    : pid_(pid), on_end_(std::move(on_end)), socket_(poller, std::move(socket), *this) {}

// Waits for the end of a process that was just killed: at most a few milliseconds, and no zombie is left whatever
// happens next.
HelperProcess::~HelperProcess() {
  if (::waitpid(pid_, nullptr, WNOHANG) != 0) return;  // gone, or not ours to wait for
  // Where it may not be killed (no right to, in some jails) its own alarm ends it; the loop must not wait for that.
  if (::kill(pid_, SIGKILL) != 0) return;
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void HelperProcess::on_ready(net::Readiness) {
  std::array<std::uint8_t, 1024> buffer;
  while (true) {
    const auto got = net::read_some(socket_.get(), buffer);
    if (got && !*got) return;  // not now
    const bool more = got && **got > 0;
    if (more) output_ += as_text(ByteView(buffer).first(**got));
    const bool too_long = output_.size() > kMaxUpnpMessage;
    if (more && !too_long) continue;
    OnEnd on_end = std::move(on_end_);
    socket_.reset();
    return on_end(too_long ? std::string() : std::move(output_));
  }
}

}  // namespace fairlead::agent::nat
