#include "common/net/network_watch.h"

#include <algorithm>
#include <utility>

#ifdef __linux__
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#endif

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

#else

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
      quiet_([](void* self) { static_cast<NetworkWatch*>(self)->report_change(); }, this),
      tick_([](void* self) { static_cast<NetworkWatch*>(self)->on_tick(boottime_now()); }, this) {
  Fd fd = open_netlink();
  if (fd.valid()) netlink_ = PolledFd(poller, std::move(fd), *this);
  arm_tick(boottime_now());
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

// The loop's timers run on a clock that stands still while the host sleeps, boot time does not (clock_gettime(2)).
void NetworkWatch::on_tick(TimePoint boottime) {
  const bool late = boottime - expected_tick_ >= kSuspendJump;
  arm_tick(boottime);
  if (late) on_event_(NetworkEvent::resumed);
}

void NetworkWatch::arm_tick(TimePoint boottime) {
  expected_tick_ = boottime + kSuspendCheck;
  loop_.timers().arm(tick_, loop_.now() + kSuspendCheck);
}

}  // namespace fairlead::net
