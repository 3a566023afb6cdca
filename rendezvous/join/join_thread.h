#pragma once
// Where devices that join are answered: a thread of its own, because a certificate is signed and written to disk before
// anybody is told. Made, started and joined by the main thread; asked by control threads.
#include <functional>
#include <memory>
#include <thread>

#include "common/base/gauge.h"
#include "common/net/loop.h"
#include "rendezvous/join/joining.h"

namespace fairlead::rendezvous {

// What a control thread knows of it.
class JoinDesk {
 public:
  virtual ~JoinDesk() = default;
  // Any thread. `done` runs on another thread, perhaps before this returns; not at all when the server stops.
  virtual void post_join(wire::JoinRequest request, SocketAddress peer, std::function<void(wire::JoinAnswer)> done) = 0;
};

class JoinThread final : public JoinDesk {
 public:
  explicit JoinThread(std::unique_ptr<Joining> joining);
  ~JoinThread() override;

  Result<void> start();  // io_failed
  void join();           // what still waits is dropped
  void post_join(wire::JoinRequest request, SocketAddress peer, std::function<void(wire::JoinAnswer)> done) override;
  void replace(JoinFacts facts);  // any thread

 private:
  const std::unique_ptr<Joining> joining_;  // this thread's once it runs
  Gauge waiting_;
  net::Loop loop_;
  std::thread thread_;
};

}  // namespace fairlead::rendezvous
