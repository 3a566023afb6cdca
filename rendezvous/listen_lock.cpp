#include "rendezvous/listen_lock.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <thread>

#include "common/net/loop.h"

namespace fairlead::rendezvous {
namespace {
// A server that was killed holds its addresses until the kernel has closed its thousands of sockets.
constexpr Duration kTakePatience = 2s;
constexpr Duration kTakeAgain = 50ms;
}  // namespace

Result<ListenLock> ListenLock::take(const SocketAddress& address) {
  const TimePoint give_up = net::monotonic_now() + kTakePatience;
  while (true) {
    auto lock = try_take(address);
    if (lock || lock.error().reason != Reason::address_in_use || net::monotonic_now() >= give_up) return lock;
    std::this_thread::sleep_for(kTakeAgain);
  }
}

Result<ListenLock> ListenLock::try_take(const SocketAddress& address) {
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
