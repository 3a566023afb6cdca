#pragma once
// What a session tells the workers that hold its data channels and the clients that wait for one. Any thread.
#include <vector>

#include "common/base/reason.h"
#include "rendezvous/relay/carrier.h"

namespace fairlead::rendezvous {

class Worker;

class ChannelDesk {
 public:
  virtual ~ChannelDesk() = default;
  virtual void close_channel(const WorkerItem& channel, Reason reason) = 0;
  virtual void session_ended(const WorkerItem& waiter) = 0;
};

// Posts to the workers' loops. `workers` is filled before the first call and outlives it.
class WorkerDesk final : public ChannelDesk {
 public:
  explicit WorkerDesk(const std::vector<Worker*>& workers) : workers_(workers) {}
  void close_channel(const WorkerItem& channel, Reason reason) override;
  void session_ended(const WorkerItem& waiter) override;

 private:
  const std::vector<Worker*>& workers_;
};

}  // namespace fairlead::rendezvous
