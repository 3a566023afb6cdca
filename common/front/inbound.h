#pragma once
// A connection that has not yet said what it is: the edge around an Opening. Reads first bytes and sends replies,
// bounded in number and time, until it is known who asks for what, or why not. Lives on one loop;
// its owner retires it when told of the outcome; exactly one outcome is told, as the last thing the Inbound does.
#include <optional>
#include <string>

#include "common/base/ip.h"
#include "common/front/opening.h"
#include "common/net/poller.h"

namespace fairlead::front {

// How long a connection may take to say what it is.
struct Limits {
  std::size_t classify_bytes = 64 * 1024;
  Duration classify_timeout = 5s;
};

class Inbound;

class InboundOwner {
 public:
  virtual ~InboundOwner() = default;
  // What it asks for, or why it was turned away.
  virtual void on_opened(Inbound& inbound, Opening::Outcome outcome) = 0;
};

class Inbound final : public net::PollTarget {
 public:
  Inbound(InboundOwner& owner, net::Poller& poller, net::Fd fd, SocketAddress peer, const ListenerRules& rules,
          const Limits& limits);

  // Looks at what has arrived already. May tell the outcome.
  void start();

  // The PROXY header's source, where there is one.
  const SocketAddress& peer() const { return opening_.caller() ? *opening_.caller() : peer_; }
  const ListenerRules& rules() const { return rules_; }
  TimePoint accepted() const { return accepted_; }
  // For the owner, at the outcome: the connection and everything that was read from it and not consumed.
  net::Fd take_fd() { return fd_.release(); }
  net::PolledFd take_polled() { return std::move(fd_); }  // to stay on this loop: two epoll_ctl less
  Bytes take_bytes() { return opening_.take_bytes(); }
  Bytes take_output() { return opening_.take_output(); }  // what is still to be said
  std::uint64_t number = 0;                               // the owner's

 private:
  void on_ready(net::Readiness ready) override;
  enum class Progress { more, nothing, told };
  Progress read_once();
  // False: the rest of a reply waits for room, or the outcome was told.
  bool send_replies();
  Progress tell(Opening::Outcome outcome);
  void on_timeout();

  InboundOwner& owner_;
  net::PolledFd fd_;
  const SocketAddress peer_;
  const ListenerRules& rules_;
  Opening opening_;
  const TimePoint accepted_;
  core::TimerEntry timeout_;
};

}  // namespace fairlead::front
