#pragma once
// A connection that has not yet said what it is: reads its first bytes, bounded in number and time, until they are a
// ClientHello, a ticket or a verify request (design.md, point 5). Lives on one loop; its owner retires it when told of
// the outcome; exactly one outcome is told, as the last thing the Inbound does.
#include <optional>
#include <string>

#include "common/base/ip.h"
#include "common/front/accept_set.h"
#include "common/net/poller.h"
#include "common/wire/client_hello.h"
#include "common/wire/data_channel.h"
#include "common/wire/verify.h"

namespace fairlead::front {

// How long a connection may take to say what it is.
struct Limits {
  std::size_t classify_bytes = 64 * 1024;
  Duration classify_timeout = 5s;
};

// What a listener allows and says of the connections that it accepts. Immutable while it listens.
struct ListenerRules {
  AcceptSet accept;
  std::vector<Cidr> proxy_from;  // not empty: a PROXY header is mandatory
  std::string service;           // [[port]]: the route is fixed; empty: by SNI
};

class Inbound;

// An owner answers what its listeners accept; the rest it need not know.
class InboundOwner {
 public:
  virtual ~InboundOwner() = default;
  virtual void on_client_hello(Inbound& inbound, wire::ClientHello hello) = 0;
  virtual void on_ticket(Inbound& inbound, const wire::Signed<wire::Ticket>& /*ticket*/) {
    on_turned_away(inbound, Reason::not_accepted_here);
  }
  virtual void on_verify(Inbound& inbound, const wire::Signed<wire::VerifyRequest>& /*request*/) {
    on_turned_away(inbound, Reason::not_accepted_here);
  }
  virtual void on_turned_away(Inbound& inbound, Reason reason) = 0;
};

class Inbound final : public net::PollTarget {
 public:
  Inbound(InboundOwner& owner, net::Poller& poller, net::Fd fd, SocketAddress peer, const ListenerRules& rules,
          const Limits& limits);

  // Looks at what has arrived already. May tell the outcome.
  void start();

  const SocketAddress& peer() const { return peer_; }  // the PROXY header's source, where there is one
  const ListenerRules& rules() const { return rules_; }
  TimePoint accepted() const { return accepted_; }
  // For the owner, at the outcome: the connection and everything that was read from it (less a PROXY header).
  net::Fd take_fd() { return fd_.release(); }
  net::PolledFd take_polled() { return std::move(fd_); }  // to stay on this loop: two epoll_ctl less
  Bytes take_bytes() { return std::move(buffer_); }
  std::uint64_t number = 0;  // the owner's

 private:
  void on_ready(net::Readiness ready) override;
  // Reads once; false when there is nothing to look at now.
  enum class Read { more, nothing, ended };
  Read read_more();
  enum class Progress { undecided, told };
  Progress examine();
  Progress examine_proxy();
  Progress examine_hello();
  Progress examine_ticket();
  Progress examine_verify();
  Progress turn_away(Reason reason);
  // Nothing but a PROXY header, if that.
  bool said_nothing() const { return buffer_.empty(); }
  void settle();
  void on_timeout();

  InboundOwner& owner_;
  net::Poller& poller_;
  net::PolledFd fd_;
  SocketAddress peer_;
  const ListenerRules& rules_;
  const std::size_t most_bytes_;
  const TimePoint accepted_;
  Bytes buffer_;
  bool proxy_pending_;
  core::TimerEntry timeout_;
};

}  // namespace fairlead::front
