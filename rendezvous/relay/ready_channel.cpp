#include "rendezvous/relay/ready_channel.h"

#include "common/net/socket.h"

namespace fairlead::rendezvous {
ReadyChannel::ReadyChannel(ReadyChannelOwner& owner, net::Poller& poller, net::PolledFd fd,
                           std::shared_ptr<AgentCarrier> session, std::uint64_t ticket_counter, Duration age_limit)
    : owner_(owner),
      fd_(std::move(fd)),
      session_(std::move(session)),
      ticket_counter_(ticket_counter),
      age_(
          [](void* self) {
            auto* channel = static_cast<ReadyChannel*>(self);
            channel->owner_.on_channel_ended(*channel, Reason::channel_retired);
          },
          this) {
  fd_.retarget(*this);
  fd_.run_again();  // what came since the ticket was read
  net::start_keep_alive(fd_.get());
  poller.loop().timers().arm(age_, poller.loop().now() + age_limit);
}

void ReadyChannel::on_ready(net::Readiness ready) {
  const bool dead = ready.hung_up || (ready.readable && net::peek(fd_.get()) != net::Peek::nothing);
  if (!dead) return;
  take_fd();  // closes it: more of what it has to say may be queued in this turn
  owner_.on_channel_ended(*this, Reason::channel_died);
}

}  // namespace fairlead::rendezvous
