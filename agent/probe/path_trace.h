#pragma once
// Which routers stand on the way out: datagrams with small TTLs to an address, and the ICMP "time exceeded" that come
// back (IP_RECVERR, ip(7): no rights needed). Tells a second NAT or a carrier's from the addresses behind the gateway.
// Sends kTraceHops datagrams once. IPv4 alone. One loop; destroying it ends it.
#include <functional>
#include <optional>
#include <vector>

#include "common/base/ip.h"
#include "common/net/poller.h"

namespace fairlead::agent {

inline constexpr int kTraceHops = 4;
inline constexpr Duration kTracePatience = 1500ms;

class PathTrace final : public net::PollTarget {
 public:
  // Routers by distance, the nearest first; absent: silent. Exactly once, never from start().
  using OnDone = std::function<void(std::vector<std::optional<IpAddress>>)>;

  PathTrace(net::Poller& poller, OnDone on_done);
  void start(const IpAddress& target);

 private:
  void on_ready(net::Readiness ready) override;
  void finish();

  net::Poller& poller_;
  OnDone on_done_;
  net::PolledFd fds_[kTraceHops];
  std::vector<std::optional<IpAddress>> hops_;
  int answered_ = 0;
  core::TimerEntry timer_;
};

}  // namespace fairlead::agent
