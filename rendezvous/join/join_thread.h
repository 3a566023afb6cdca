#pragma once
// Where devices are answered that join or renew: a thread of its own, because a certificate is signed and written to
// disk before anybody is told. Made, started and joined by the main thread; asked by control threads.
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
  virtual void post_join(wire::JoinQuestion question, SocketAddress peer,
                         std::function<void(wire::JoinAnswer)> done) = 0;
  virtual void post_renewal(RenewalRequest request, SocketAddress peer, std::function<void(wire::Renewed)> done) = 0;
  virtual bool signs() const = 0;  // whether anything else than signer_none is answered; the same for life
};

class JoinThread final : public JoinDesk {
 public:
  explicit JoinThread(std::unique_ptr<Joining> joining);
  ~JoinThread() override;

  Result<void> start();  // io_failed
  void join();           // what still waits is dropped
  void post_join(wire::JoinQuestion question, SocketAddress peer, std::function<void(wire::JoinAnswer)> done) override;
  void post_renewal(RenewalRequest request, SocketAddress peer, std::function<void(wire::Renewed)> done) override;
  bool signs() const override { return signs_; }
  void replace(JoinFacts facts);  // any thread
  // Any thread; `done` as in JoinDesk.
  void post_revoked(std::function<void(Result<std::vector<std::string>>)> done);

 private:
  const std::unique_ptr<Joining> joining_;  // this thread's once it runs
  const bool signs_;
  Gauge waiting_;
  net::Loop loop_;
  std::thread thread_;
};

}  // namespace fairlead::rendezvous
