#pragma once
// Connects to a service's target: a unix path, or each address of a host in turn, within one deadline. One loop; the
// owner destroys it when told.
#include <functional>

#include "agent/setting/config.h"
#include "common/net/poller.h"
#include "common/net/resolver.h"
#include "common/net/socket_buffers.h"

namespace fairlead::agent {

class TargetDial final : public net::PollTarget {
 public:
  // A connected descriptor that still has this target, or why not: target_refused, target_unreachable, target_timeout.
  // Exactly one call, never before start() returned or from it.
  using OnDone = std::function<void(Result<net::PolledFd>)>;

  // `buffers`: of the connection, as net::limit_buffers.
  TargetDial(net::Poller& poller, const Target& target, Duration limit, net::SocketBuffers buffers, OnDone on_done);
  void start();

 private:
  void on_ready(net::Readiness ready) override;
  Result<net::Fd> connect(const SocketAddress& address) const;
  void begin(Result<net::Fd> connecting);
  void try_next();
  void finish(Result<net::PolledFd> result);
  static Reason target_reason(Reason reason);

  net::Poller& poller_;
  Target target_;
  net::SocketBuffers buffers_;
  OnDone on_done_;
  net::Resolver resolver_;
  std::vector<SocketAddress> addresses_;  // still to be tried, the next last
  net::PolledFd fd_;
  Error last_error_{Reason::target_unreachable, "no address"};
  core::TimerEntry deadline_;
  core::TimerEntry soon_;  // tells a failure that was known at once, from the loop
};

}  // namespace fairlead::agent
