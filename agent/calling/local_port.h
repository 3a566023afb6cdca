#pragma once
// Where programs of this host connect to: a TCP port or a unix socket, whose connections are handed on. While there is
// no room they wait in the kernel's queue.
//
// One loop; owned by whoever takes the connections. Its end removes the unix socket.
#include <functional>
#include <string>

#include "agent/setting/listen_address.h"
#include "common/net/poller.h"
#include "common/net/socket.h"

namespace fairlead::agent {

class LocalPort final : private net::PollTarget {
 public:
  // `from`: who connected, for logs.
  using OnAccept = std::function<void(net::Fd fd, std::string from)>;
  using HasRoom = std::function<bool()>;

  // A socket that listens at this address; address_in_use, address_missing or io_failed.
  static Result<net::Fd> listen(const ListenAddress& address);
  // `buffers`: of what is accepted.
  LocalPort(net::Poller& poller, const ListenAddress& address, net::Fd fd, net::SocketBuffers buffers, HasRoom has_room,
            OnAccept on_accept);
  ~LocalPort() override;
  LocalPort(const LocalPort&) = delete;
  LocalPort& operator=(const LocalPort&) = delete;

  // As to be dialled: with the port that was free.
  std::string address() const { return to_string(address_); }
  // There is room again.
  void look_again();
  // No more are taken.
  void close();
  // The same, for another one that goes on listening.
  net::Fd release_socket();

 private:
  void on_ready(net::Readiness ready) override;
  void accept_some();

  net::Poller& poller_;
  const ListenAddress address_;
  const HasRoom has_room_;
  const OnAccept on_accept_;
  net::PolledFd fd_;         // invalid once closed
  core::TimerEntry resume_;  // after a failed accept
};

}  // namespace fairlead::agent
