#pragma once
// The load's event loop: level-triggered epoll and nothing else, so that the load costs as little as it can. A target
// gets its events by pointer; one thread, owned by the program's main.
#include <sys/epoll.h>

#include <array>
#include <cstdint>

#include "common/base/check.h"
#include "common/net/fd.h"

namespace fairlead::bench {

class EpollTarget {
 public:
  virtual ~EpollTarget() = default;
  virtual void on_events(std::uint32_t events) = 0;  // may destroy the target
};

class Epoll {
 public:
  Epoll() : fd_(::epoll_create1(EPOLL_CLOEXEC)) { CHECK(fd_.valid()); }
  void add(int fd, std::uint32_t events, EpollTarget& target) { control(EPOLL_CTL_ADD, fd, events, target); }
  void change(int fd, std::uint32_t events, EpollTarget& target) { control(EPOLL_CTL_MOD, fd, events, target); }

  // Hands out what is ready, after waiting for it.
  void turn() {
    std::array<epoll_event, 128> ready;
    const int count = ::epoll_wait(fd_.get(), ready.data(), static_cast<int>(ready.size()), -1);
    for (int i = 0; i < count; ++i) static_cast<EpollTarget*>(ready[i].data.ptr)->on_events(ready[i].events);
  }

 private:
  void control(int what, int fd, std::uint32_t events, EpollTarget& target) {
    epoll_event event{.events = events, .data = {.ptr = &target}};
    CHECK(::epoll_ctl(fd_.get(), what, fd, &event) == 0);
  }

  net::Fd fd_;
};

}  // namespace fairlead::bench
