#pragma once
// Where pages are made: a thread of its own with a low priority, so that a page of 10,000 agents delays neither the
// registry nor a relay. Work reads immutable views and atomics alone. Made, started and joined by the main thread.
#include <functional>
#include <thread>

#include "common/net/control_socket.h"
#include "common/net/loop.h"

namespace fairlead::rendezvous {

class ReportThread {
 public:
  // `home` outlives this thread, and gets the answers.
  explicit ReportThread(net::Loop& home) : home_(home) {}
  ~ReportThread();
  ReportThread(const ReportThread&) = delete;
  ReportThread& operator=(const ReportThread&) = delete;

  Result<void> start();  // io_failed
  void join();           // what is still queued is dropped, with its answers

  using Work = std::function<net::HttpReply()>;
  // Home's thread. `work` runs here, `done` on `home` afterwards; one at a time, in order.
  void make(Work work, net::ControlServer::Answer done);

 private:
  net::Loop& home_;
  net::Loop loop_;
  std::thread thread_;
};

}  // namespace fairlead::rendezvous
