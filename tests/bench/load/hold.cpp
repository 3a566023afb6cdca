// Connections that stay: each has a message answered, then all are held until stdin ends.
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <vector>

#include "tests/bench/load/greeting.h"

namespace fairlead::bench {
namespace {

class Held final : public EpollTarget {
 public:
  Held(Epoll& epoll, const SocketAddress& target, std::uint64_t turn, const Bytes& hello)
      : epoll_(epoll), greeting_(connect_to(target, turn), hello) {
    epoll_.add(greeting_.fd(), greeting_.begin(), *this);
  }
  bool answered() const { return answered_ == kMessage; }

  void on_events(std::uint32_t) override {
    if (!greeted_) {
      greeted_ = greeting_.advance(epoll_, *this);
      if (greeted_ && !net::write_some(greeting_.fd(), Bytes(kMessage, 'm'))) give_up("the message was not taken", -1);
      return;
    }
    std::array<std::uint8_t, kMessage> answer;
    const auto got = net::read_some(greeting_.fd(), answer);
    if (!got || (*got && **got == 0)) give_up("a held connection ended", greeting_.fd());
    answered_ += got->value_or(0);
  }

 private:
  Epoll& epoll_;
  Greeting greeting_;
  bool greeted_ = false;
  std::size_t answered_ = 0;
};

}  // namespace

int run_hold(const SocketAddress& target, const Options& options) {
  Epoll epoll;
  const Bytes hello = client_hello({.work = Work::hold});
  const std::uint64_t count = options.number("--count", 1);
  const std::uint64_t at_once = options.number("--at-once", 64);
  std::vector<std::unique_ptr<Held>> held;
  for (std::uint64_t i = 0; i < count; ++i) {
    // At most `at_once` are on their way: the one that many places before this one has had its answer.
    while (i >= at_once && !held[i - at_once]->answered()) epoll.turn();
    held.push_back(std::make_unique<Held>(epoll, target, i, hello));
  }
  for (const auto& each : held) {
    while (!each->answered()) epoll.turn();
  }
  std::printf("{\"held\": %llu}\n", static_cast<unsigned long long>(count));
  std::fflush(stdout);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}

}  // namespace fairlead::bench
