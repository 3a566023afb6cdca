#include "rendezvous/listen_lock.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace fairlead::rendezvous {

Result<ListenLock> ListenLock::take(const SocketAddress& address) {
  net::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = "fairlead-rendezvous@" + address.to_string();
  std::memcpy(name.sun_path + 1, text.data(), text.size());  // a leading zero byte: abstract
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  if (!fd.valid() || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), length) != 0) {
    if (errno == EADDRINUSE) {
      return fail(Reason::address_in_use,
                  fmt::format("cannot listen on {}: another fairlead-rendezvous does", address.to_string()));
    }
    return fail(Reason::io_failed, fmt::format("lock for {}: {}", address.to_string(), std::strerror(errno)));
  }
  return ListenLock(std::move(fd));
}

}  // namespace fairlead::rendezvous
