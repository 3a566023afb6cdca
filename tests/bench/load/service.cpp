// The service at the far end of every benchmark: one thread, one port, plans by hello.h.
//   bench_service PORT      listens on 127.0.0.1 until it is killed
#include <cstdio>
#include <cstdlib>

#include "common/net/signals.h"
#include "common/net/socket.h"
#include "tests/bench/load/service_connection.h"

namespace fairlead::bench {
namespace {

class Acceptor final : public EpollTarget {
 public:
  Acceptor(Epoll& epoll, net::Fd listener) : epoll_(epoll), listener_(std::move(listener)) {
    epoll_.add(listener_.get(), EPOLLIN, *this);
  }
  void on_events(std::uint32_t) override {
    while (true) {
      auto accepted = net::accept_connection(listener_.get());
      if (!accepted || !*accepted) return;
      ServiceConnection::start(epoll_, std::move((*accepted)->fd));
    }
  }

 private:
  Epoll& epoll_;
  net::Fd listener_;
};

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  using namespace fairlead;
  const int port = argc > 1 ? std::atoi(argv[1]) : 0;
  net::ignore_sigpipe();
  net::raise_open_files();
  auto listener =
      net::listen_tcp({IpAddress::v4({127, 0, 0, 1}), static_cast<std::uint16_t>(port)}, net::ReusePort::no);
  if (!listener) {
    std::fprintf(stderr, "bench_service: %s\n", listener.error().detail.c_str());
    return 2;
  }
  bench::Epoll epoll;
  const bench::Acceptor acceptor(epoll, std::move(*listener));
  while (true) epoll.turn();
}
