#include "common/net/network_watch.h"

#include <algorithm>
#include <utility>

#ifdef __linux__
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#endif

#include "common/base/check.h"

namespace fairlead::net {
namespace {

#ifdef __linux__

Fd open_netlink() {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.valid()) return fd;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

// Empties the socket; true when there was anything. Its content does not matter: whoever hears of a change looks at the
// host's addresses anew. ENOBUFS says that changes were lost, which is a change as well.
bool drain_netlink(int fd) {
  std::array<char, 8 * 1024> trash;
  bool any = false;
  while (true) {
    const ssize_t got = ::recv(fd, trash.data(), trash.size(), 0);
    if (got < 0 && errno != EINTR && errno != ENOBUFS) return any;
    any = true;
  }
}

Fd open_alarm() {
  return Fd(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC));
}

void set_alarm(int fd, Duration after) {
  std::uint64_t rings = 0;
  static_cast<void>(::read(fd, &rings, sizeof rings));  // the next ring must be an edge
  itimerspec when{};
  when.it_value.tv_sec = std::chrono::ceil<std::chrono::seconds>(after).count();
  static_cast<void>(::timerfd_settime(fd, 0, &when, nullptr));
}

#else

Fd open_alarm() {
  return Fd();
}

void set_alarm(int /*fd*/, Duration /*after*/) {}

Fd open_netlink() {
  return Fd();
}

bool drain_netlink(int /*fd*/) {
  return false;
}

#endif

}  // namespace

NetworkWatch::NetworkWatch(Loop& loop, Poller& poller, OnEvent on_event)
    : loop_(loop),
      on_event_(std::move(on_event)),
      looked_at_(monotonic_now()),
      looked_boot_(boottime_now()),
      awake_(this),
      quiet_([](void* self) { static_cast<NetworkWatch*>(self)->report_change(); }, this),
      tick_([](void* self) { static_cast<NetworkWatch*>(self)->look_again(); }, this) {
  Fd fd = open_netlink();
  if (fd.valid()) netlink_ = PolledFd(poller, std::move(fd), *this);
  Fd alarm = open_alarm();
  if (alarm.valid()) alarm_.fd = PolledFd(poller, std::move(alarm), alarm_);
  arm_alarm(loop_.now());
  CHECK(uv_check_init(loop.uv(), awake_.get()) == 0);
  CHECK(uv_check_start(awake_.get(), on_awake) == 0);
}

void NetworkWatch::on_ready(Readiness /*ready*/) {
  if (!drain_netlink(netlink_.get())) return;
  const TimePoint now = loop_.now();
  if (!first_change_) first_change_ = now;
  loop_.timers().arm(quiet_, std::min(now + kNetworkQuiet, *first_change_ + kNetworkLatest));
}

void NetworkWatch::report_change() {
  first_change_.reset();
  on_event_(NetworkEvent::changed);
}

void NetworkWatch::on_awake(uv_check_t* handle) {
  if (handle->data == nullptr) return;
  auto* self = static_cast<NetworkWatch*>(handle->data);
  if (self->loop_.now() - self->looked_at_ >= kSuspendCheck) self->look_again();
}

void NetworkWatch::Alarm::on_ready(Readiness /*ready*/) {
  watch.look_again();
}

void NetworkWatch::look_again() {
  look(monotonic_now(), boottime_now());
}

// The loop's clock stands still while the host sleeps, boot time does not (clock_gettime(2)). A loop that was awake
// later than its alarm was stopped.
void NetworkWatch::look(TimePoint loop_time, TimePoint boottime) {
  const Duration passed = boottime - looked_boot_;
  const Duration slept = passed - (loop_time - looked_at_);
  const bool late = passed >= kSuspendAlarm + kSuspendJump;
  looked_at_ = loop_time;
  looked_boot_ = boottime;
  arm_alarm(loop_time);
  if (slept >= kSuspendJump || late) on_event_(NetworkEvent::resumed);
}

void NetworkWatch::arm_alarm(TimePoint loop_time) {
  if (alarm_.fd.valid()) {
    set_alarm(alarm_.fd.get(), kSuspendAlarm);
  } else {
    loop_.timers().arm(tick_, loop_time + kSuspendCheck);
  }
}

}  // namespace fairlead::net
