#include "common/net/socket_buffers.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace fairlead::net {
namespace {

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

bool send_room(int fd) {
  pollfd asked{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&asked, 1, 0) != 0;
}

}  // namespace fairlead::net
