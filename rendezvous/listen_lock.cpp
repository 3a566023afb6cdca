#include "rendezvous/listen_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <thread>

#include "common/net/loop.h"
#include "common/net/socket.h"

namespace fairlead::rendezvous {
namespace {

// A server that was killed holds its addresses until the kernel has closed its thousands of sockets.
constexpr Duration kTakePatience = 2s;
constexpr Duration kTakeAgain = 50ms;

// "listen-[2001:db8::1]:443.lock"; no address has a slash.
std::string lock_file(const SocketAddress& address, const std::string& state_dir) {
  return fmt::format("{}/listen-{}.lock", state_dir, address.to_string());
}

// What the holder wrote; 0: nothing of use.
int holder_of(int fd) {
  std::array<char, 16> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  int pid = 0;
  if (size > 0) std::from_chars(text.data(), text.data() + size, pid);
  return pid;
}

void write_holder(int fd) {
  const std::string text = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) != 0) return;
  [[maybe_unused]] const auto written = ::pwrite(fd, text.data(), text.size(), 0);  // a full disk locks as well
}

tl::unexpected<Error> in_use(const SocketAddress& address, std::string_view by) {
  return fail(Reason::address_in_use, fmt::format("cannot listen on {}: {}", address.to_string(), by));
}

net::Fd open_own(const std::string& file) {
  net::Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  struct stat found{};
  const bool own =
      fd.valid() && ::fstat(fd.get(), &found) == 0 && S_ISREG(found.st_mode) && found.st_uid == ::geteuid();
  return own ? std::move(fd) : net::Fd();
}

}  // namespace

Result<ListenLock> ListenLock::take(const SocketAddress& address, const std::string& state_dir, ListenManner manner) {
  const TimePoint give_up = net::monotonic_now() + (manner.patience == Patience::yes ? kTakePatience : Duration{});
  while (true) {
    auto lock = try_take(address, state_dir, manner.own_overlap);
    if (lock || lock.error().reason != Reason::address_in_use || net::monotonic_now() >= give_up) return lock;
    std::this_thread::sleep_for(kTakeAgain);
  }
}

Result<ListenLock> ListenLock::try_take(const SocketAddress& address, const std::string& state_dir,
                                        OwnOverlap overlap) {
  net::Fd fd = address.port == 0 ? net::Fd() : open_own(lock_file(address, state_dir));
  if (fd.valid() && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    const int pid = holder_of(fd.get());
    return in_use(address, pid > 0 ? fmt::format("another fairlead-rendezvous does, process {}", pid)
                                   : "another fairlead-rendezvous does");
  }
  // Closed at once: it only asks, and must not listen, for who connects meanwhile would be reset.
  const auto ask = overlap == OwnOverlap::yes ? net::ReusePort::yes : net::ReusePort::no;
  const auto free = net::bind_tcp(address, ask);
  if (!free && free.error().reason == Reason::address_in_use) return in_use(address, "another program does");
  if (!free) return tl::unexpected(free.error());
  if (fd.valid()) write_holder(fd.get());
  return ListenLock(std::move(fd));
}

}  // namespace fairlead::rendezvous
