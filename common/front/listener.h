#pragma once
// One listening socket of one loop: accepts until EAGAIN and hands each connection on. When the process is out of
// descriptors it gives up a spare one to tell those who wait (an alert, then the end), and pauses instead of spinning.
#include <functional>

#include "common/net/poller.h"
#include "common/net/socket.h"

namespace fairlead::front {

class Listener final : public net::PollTarget {
 public:
  using OnAccept = std::function<void(net::AcceptedSocket)>;
  using OnFull = std::function<void()>;  // once for each that was turned away

  Listener(net::Poller& poller, net::Fd fd, OnAccept on_accept, OnFull on_full);
  // Takes all that is still in the queue, so that nobody who was let in by the kernel is reset by our close.
  void drain_queue();

 private:
  enum class Queue : std::uint8_t { empty, more, full };  // full: we are, and some were turned away
  void on_ready(net::Readiness ready) override;
  void accept_in_turn();
  Queue accept_some();
  void refuse_waiting();

  net::Poller& poller_;
  net::PolledFd fd_;
  net::Fd spare_;  // given up for as long as somebody is turned away
  OnAccept on_accept_;
  OnFull on_full_;
  core::TimerEntry resume_;
};

}  // namespace fairlead::front
