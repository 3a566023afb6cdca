#pragma once
// One connection at the load's service: reads the hello, answers it, then does what the plan in it says. Owns itself;
// dies at the end of its connection.
#include "common/net/fd.h"
#include "tests/bench/load/epoll.h"
#include "tests/bench/load/hello.h"
#include "tests/bench/load/transfer.h"

namespace fairlead::bench {

class ServiceConnection final : public EpollTarget {
 public:
  // The connection lives until its peer or its plan ends it.
  static void start(Epoll& epoll, net::Fd fd);

 private:
  enum class Next { go_on, finish };

  ServiceConnection(Epoll& epoll, net::Fd fd) : epoll_(epoll), fd_(std::move(fd)) { input_.reserve(kHelloSize); }

  void on_events(std::uint32_t events) override;
  Next read_hello();
  Next work();
  Next sink();
  Next source();
  Next answer_message();

  Epoll& epoll_;
  net::Fd fd_;
  Bytes input_;  // the hello as far as it came
  Plan plan_;
  bool greeted_ = false;
  std::uint64_t moved_ = 0;
};

}  // namespace fairlead::bench
