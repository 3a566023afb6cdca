#pragma once
// A connection of bench_client from its connect until the service's hello has come: the same for all modes.
#include <array>

#include "common/net/socket.h"
#include "tests/bench/load/client_modes.h"
#include "tests/bench/load/epoll.h"
#include "tests/bench/load/hello.h"

namespace fairlead::bench {

class Greeting {
 public:
  // `hello` outlives the greeting: it is one of a few, and thousands of connections send it.
  Greeting(net::Fd fd, const Bytes& hello) : fd_(std::move(fd)), hello_(hello) {}

  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }
  // What to wait for after begin(): on loopback a connect is mostly done when it returns, and the hello is gone.
  std::uint32_t begin() { return send_hello() ? EPOLLIN : EPOLLOUT; }

  // True once the service's hello is here, and no byte after it was read.
  bool advance(Epoll& epoll, EpollTarget& target) {
    if (!sent_) {
      if (send_hello()) epoll.change(fd(), EPOLLIN, target);
      return false;
    }
    std::array<std::uint8_t, 256> buffer;
    const std::size_t left = server_hello().size() - received_;
    const auto got = net::read_some(fd(), MutableBytes(buffer).first(left));
    if (!got || (*got && **got == 0)) give_up("the service's hello did not come", fd());
    received_ += got->value_or(0);
    return received_ == server_hello().size();
  }

 private:
  bool send_hello() {
    const auto error = net::connect_result(fd());
    if (error) give_up("connect", fd());
    const auto sent = net::write_some(fd(), unique_hello(hello_));
    if (!sent || (*sent && **sent != hello_.size())) give_up("the hello was not taken", fd());
    sent_ = sent->has_value();
    return sent_;
  }

  net::Fd fd_;
  const Bytes& hello_;
  bool sent_ = false;
  std::size_t received_ = 0;
};

}  // namespace fairlead::bench
