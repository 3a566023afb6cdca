#pragma once
// Connects to a service's target: a unix path, or whoever of a host's addresses answers first (net::Connector), within
// one deadline that counts the lookup. One loop.
#include <functional>
#include <memory>

#include "agent/resource/service_tools.h"
#include "agent/setting/config.h"
#include "common/net/connector.h"
#include "common/net/resolver.h"

namespace fairlead::agent {

class TargetDial {
 public:
  // Connected (as net::Connection says), or target_refused, target_unreachable, target_timeout. Exactly once, never
  // from start(). May destroy the dial.
  using OnDone = std::function<void(Result<net::Connection>)>;

  // `buffers`: of the connection, as net::limit_buffers.
  TargetDial(const ServiceTools& tools, Target target, net::SocketBuffers buffers, OnDone on_done);
  void start(Duration limit);

 private:
  void on_resolved(Result<std::vector<SocketAddress>> answer);
  void on_connected(Result<net::Connection> result);
  void finish(Result<net::Connection> result);

  net::Loop& loop_;
  const Target target_;
  OnDone on_done_;
  TimePoint until_{};
  net::Resolver resolver_;
  net::Connector connector_;
  core::TimerEntry deadline_;  // of the lookup; the connector keeps its own
};

}  // namespace fairlead::agent
