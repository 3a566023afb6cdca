#pragma once
// One listening socket of one loop: accepts until EAGAIN and hands each connection on. When the process is out
// of descriptors it pauses instead of spinning on a queue that it cannot drain.
#include <functional>

#include "common/net/poller.h"
#include "common/net/socket.h"

namespace fairlead::front {

class Listener final : public net::PollTarget {
 public:
  using OnAccept = std::function<void(net::AcceptedSocket)>;
  using OnFull = std::function<void()>;

  Listener(net::Poller& poller, net::Fd fd, OnAccept on_accept, OnFull on_full);
  // Takes what is still in the queue, so that nobody who was let in by the kernel is reset by our close.
  void drain_queue() { on_ready({.readable = true, .writable = false, .hung_up = false}); }

 private:
  void on_ready(net::Readiness ready) override;

  net::Poller& poller_;
  net::PolledFd fd_;
  OnAccept on_accept_;
  OnFull on_full_;
  core::TimerEntry resume_;
};

}  // namespace fairlead::front
