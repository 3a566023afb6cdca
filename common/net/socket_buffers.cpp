#include "common/net/socket_buffers.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <fstream>

namespace fairlead::net {
namespace {

constexpr std::size_t kSmallUnsent = 16 * 1024;
constexpr std::size_t kSmallWindow = 32 * 1024;
constexpr std::size_t kAnyWindow = std::size_t{1} << 30;  // the largest that TCP can offer (RFC 7323 §2.3)

// Options only tune: a unix socket has no window.
void set_int(int fd, int level, int option, std::size_t value) {
  const int wanted = static_cast<int>(value);
  static_cast<void>(setsockopt(fd, level, option, &wanted, sizeof wanted));
}

}  // namespace

void limit_buffers(int fd, SocketBuffers buffers) {
  if (buffers.bytes == 0) return;
  set_int(fd, SOL_SOCKET, SO_RCVBUF, buffers.bytes);
  set_int(fd, SOL_SOCKET, SO_SNDBUF, buffers.bytes);
#ifdef TCP_WINDOW_CLAMP
  // A smaller limit that was set before stays clamped otherwise.
  set_int(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, kernel_memory(buffers));
#endif
}

void hold_small(int fd) {
#ifdef TCP_NOTSENT_LOWAT
  set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kSmallUnsent);
#endif
#ifdef TCP_WINDOW_CLAMP
  set_int(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, kSmallWindow);
#endif
}

void let_grow(int fd) {
#ifdef TCP_NOTSENT_LOWAT
  set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0);  // the system's default
#endif
#ifdef TCP_WINDOW_CLAMP
  set_int(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, kAnyWindow);
#endif
}

std::size_t socket_memory(int fd) {
#ifdef SO_MEMINFO
  std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info.data(), &length) != 0) return 0;
  return std::size_t{info[SK_MEMINFO_RMEM_ALLOC]} + info[SK_MEMINFO_WMEM_QUEUED] + info[SK_MEMINFO_FWD_ALLOC] +
         info[SK_MEMINFO_BACKLOG];
#else
  static_cast<void>(fd);
  return 0;
#endif
}

std::size_t tcp_memory_of_host() {
  std::ifstream in("/proc/sys/net/ipv4/tcp_mem");
  std::size_t low = 0;
  std::size_t pressure = 0;
  if (!(in >> low >> pressure)) return 0;
  return pressure * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

bool send_room(int fd) {
  pollfd asked{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&asked, 1, 0) != 0;
}

}  // namespace fairlead::net
