#pragma once
// A ready data channel: an agent's connection whose ticket was good, waiting on the worker that accepted it. It must be
// silent; readable or hung up means dead, and it is dropped at once, not when somebody needs it. Only the rendezvous
// retires channels (an agent that did would race a take).
#include <memory>

#include "common/base/gauge.h"
#include "common/net/poller.h"
#include "rendezvous/relay/agent_carrier.h"

namespace fairlead::rendezvous {

class ReadyChannel;

// How long a channel is silent before the kernel asks: below the idle limits of the NATs in the field. Its listener
// carries the setting, and a channel only switches it on.
inline constexpr Duration kChannelKeepAlive = 60s;

class ReadyChannelOwner {
 public:
  virtual ~ReadyChannelOwner() = default;
  // channel_died: the last thing the channel does. channel_retired: it is old; it goes on where somebody claimed it.
  virtual void on_channel_ended(ReadyChannel& channel, Reason reason) = 0;
};

class ReadyChannel final : public net::PollTarget {
 public:
  // The connection is one of a listener that was given kChannelKeepAlive.
  ReadyChannel(ReadyChannelOwner& owner, net::Poller& poller, net::PolledFd fd, std::shared_ptr<AgentCarrier> session,
               std::uint64_t ticket_counter, Duration age_limit);

  AgentCarrier& session() { return *session_; }
  const std::shared_ptr<AgentCarrier>& shared_session() const { return session_; }
  std::uint64_t ticket_counter() const { return ticket_counter_; }
  // For whoever claimed it. Nothing was ever read from it.
  net::PolledFd take_fd() {
    age_.cancel();
    return std::move(fd_);
  }
  void hold(GaugeToken place) { place_ = std::move(place); }  // while it is ready
  std::uint64_t number = 0;                                   // the worker's

 private:
  void on_ready(net::Readiness ready) override;

  ReadyChannelOwner& owner_;
  net::PolledFd fd_;
  std::shared_ptr<AgentCarrier> session_;
  std::uint64_t ticket_counter_;
  GaugeToken place_;
  core::TimerEntry age_;
};

}  // namespace fairlead::rendezvous
