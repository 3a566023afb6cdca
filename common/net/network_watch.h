#pragma once
// Notices that this host's network is not what it was: links, addresses or routes changed (netlink(7), rtnetlink(7)),
// or the host slept. Serves the agent, which then checks its session, mappings and addresses at once instead of waiting
// for time-outs. On the loop's thread. Where netlink is missing only suspend is noticed.
//
// Suspend is noticed without waking an idle host: whenever the loop is awake it compares the clock that counted the
// sleep with the one that stood still, and a timer of the former (timerfd_create(2), CLOCK_BOOTTIME), which rings as
// soon as the host is back, only goes off when nothing else woke the loop for kSuspendAlarm.
#include <functional>
#include <optional>

#include "common/net/poller.h"

namespace fairlead::net {

enum class NetworkEvent {
  changed,  // links, addresses or routes; one event for a burst
  resumed,  // the host was suspended for kSuspendJump or longer, or this process stopped beyond its alarm
};

inline constexpr Duration kNetworkQuiet = 200ms;  // a burst is over when nothing came for so long,
inline constexpr Duration kNetworkLatest = 2s;    // but is reported no later than this after its first change
inline constexpr Duration kSuspendCheck = 10s;    // at most so often while the loop is awake
inline constexpr Duration kSuspendAlarm = 60s;
inline constexpr Duration kSuspendJump = 5s;

class NetworkWatch final : private PollTarget {
 public:
  using OnEvent = std::function<void(NetworkEvent)>;
  NetworkWatch(Loop& loop, Poller& poller, OnEvent on_event);
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

  // Both clocks now. Public for tests.
  void look(TimePoint loop_time, TimePoint boottime);

 private:
  // Rings after suspend at once; where there is no such timer, a timer of the loop looks every kSuspendCheck.
  struct Alarm final : PollTarget {
    explicit Alarm(NetworkWatch& which) : watch(which) {}
    void on_ready(Readiness ready) override;
    NetworkWatch& watch;
    PolledFd fd;
  };

  void on_ready(Readiness ready) override;
  void report_change();
  void look_again();
  void arm_alarm(TimePoint loop_time);
  static void on_awake(uv_check_t* handle);

  Loop& loop_;
  OnEvent on_event_;
  PolledFd netlink_;  // invalid where netlink is missing
  std::optional<TimePoint> first_change_;
  TimePoint looked_at_;    // the loop's time
  TimePoint looked_boot_;  // and the boot time then
  Alarm alarm_{*this};
  Handle<uv_check_t> awake_;
  core::TimerEntry quiet_;
  core::TimerEntry tick_;
};

}  // namespace fairlead::net
