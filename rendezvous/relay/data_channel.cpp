#include "rendezvous/relay/data_channel.h"

#include "common/net/socket.h"

namespace fairlead::rendezvous {
namespace {
constexpr Duration kKeepAlive = 60s;  // below the idle limits of the NATs in the field
}  // namespace

DataChannel::DataChannel(DataChannelOwner& owner, net::Poller& poller, net::Fd fd,
                         std::shared_ptr<AgentSession> session, std::uint64_t ticket_counter, Duration age_limit)
    : owner_(owner),
      fd_(poller, std::move(fd), *this),
      session_(std::move(session)),
      ticket_counter_(ticket_counter),
      age_(
          [](void* self) {
            auto* channel = static_cast<DataChannel*>(self);
            channel->owner_.on_channel_ended(*channel, Reason::channel_retired);
          },
          this) {
  net::keep_alive(fd_.get(), kKeepAlive);
  poller.loop().timers().arm(age_, poller.loop().now() + age_limit);
}

void DataChannel::on_ready(net::Readiness ready) {
  // The first event of a new descriptor only says that it can be written.
  if (ready.hung_up || (ready.readable && net::peek(fd_.get()) != net::Peek::nothing)) {
    owner_.on_channel_ended(*this, Reason::channel_died);
  }
}

}  // namespace fairlead::rendezvous
