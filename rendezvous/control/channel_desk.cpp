#include "rendezvous/control/channel_desk.h"

#include "rendezvous/relay/worker.h"

namespace fairlead::rendezvous {

void WorkerDesk::close_channel(const WorkerItem& channel, Reason reason) {
  Worker* worker = workers_[channel.worker];
  worker->post([worker, number = channel.number, reason] { worker->close_channel(number, reason); });
}

void WorkerDesk::session_ended(const WorkerItem& waiter) {
  Worker* worker = workers_[waiter.worker];
  worker->post([worker, number = waiter.number] { worker->session_ended(number); });
}

}  // namespace fairlead::rendezvous
