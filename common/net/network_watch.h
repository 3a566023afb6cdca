#pragma once
// Notices that this host's network is not what it was: links, addresses or routes changed (netlink(7), rtnetlink(7)),
// or the host slept. Serves the agent, which then checks its session, mappings and addresses at once instead of waiting
// for time-outs. On the loop's thread. Where netlink is missing only suspend is noticed.
#include <functional>
#include <optional>

#include "common/net/poller.h"

namespace fairlead::net {

enum class NetworkEvent {
  changed,  // links, addresses or routes; one event for a burst
  resumed,  // the host was suspended, or this process stopped, for kSuspendJump or longer
};

inline constexpr Duration kNetworkQuiet = 200ms;  // a burst is over when nothing came for so long,
inline constexpr Duration kNetworkLatest = 2s;    // but is reported no later than this after its first change
inline constexpr Duration kSuspendCheck = 10s;
inline constexpr Duration kSuspendJump = 5s;

class NetworkWatch final : private PollTarget {
 public:
  using OnEvent = std::function<void(NetworkEvent)>;
  NetworkWatch(Loop& loop, Poller& poller, OnEvent on_event);
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

  // Called every kSuspendCheck of the loop's time with the boot time of that moment. Public for tests.
  void on_tick(TimePoint boottime);

 private:
  void on_ready(Readiness ready) override;
  void report_change();
  void arm_tick(TimePoint boottime);

  Loop& loop_;
  OnEvent on_event_;
  PolledFd netlink_;  // invalid where netlink is missing
  std::optional<TimePoint> first_change_;
  TimePoint expected_tick_{};  // in boot time
  core::TimerEntry quiet_;
  core::TimerEntry tick_;
};

}  // namespace fairlead::net
