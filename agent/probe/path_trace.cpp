#include "agent/probe/path_trace.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <cstring>

namespace fairlead::agent {
namespace {

constexpr std::uint16_t kFirstPort = 33434;  // where nothing listens, by custom of traceroute

// A socket whose datagrams live for `ttl` hops; invalid where that is not possible.
net::Fd trace_socket(int ttl) {
  net::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!fd.valid() || ::setsockopt(fd.get(), IPPROTO_IP, IP_TTL, &ttl, sizeof ttl) != 0 ||
      ::setsockopt(fd.get(), IPPROTO_IP, IP_RECVERR, &on, sizeof on) != 0) {
    return {};
  }
  return fd;
}

// Who sent the ICMP message that waits at the socket, if one does.
std::optional<IpAddress> read_offender(int fd) {
  alignas(cmsghdr) char control[512];
  char data[64];
  iovec buffer{data, sizeof data};
  msghdr message{};
  message.msg_iov = &buffer;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != IPPROTO_IP || each->cmsg_type != IP_RECVERR) continue;
    sock_extended_err error{};
    std::memcpy(&error, CMSG_DATA(each), sizeof error);
    if (error.ee_origin != SO_EE_ORIGIN_ICMP) continue;
    sockaddr_in offender{};
    std::memcpy(&offender, CMSG_DATA(each) + sizeof error, sizeof offender);
    if (const auto address = SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&offender))) return address->ip;
  }
  return std::nullopt;
}

}  // namespace

PathTrace::PathTrace(net::Poller& poller, OnDone on_done)
    : poller_(poller),
      on_done_(std::move(on_done)),
      hops_(kTraceHops),
      timer_([](void* self) { static_cast<PathTrace*>(self)->finish(); }, this) {}

void PathTrace::start(const IpAddress& target) {
  poller_.loop().timers().arm(timer_, poller_.loop().now() + (target.is_v4() ? kTracePatience : Duration(0)));
  if (!target.is_v4()) return;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  std::memcpy(&to.sin_addr, target.bytes().data(), sizeof to.sin_addr);
  for (int i = 0; i < kTraceHops; ++i) {
    net::Fd fd = trace_socket(i + 1);
    if (!fd.valid()) continue;
    to.sin_port = htons(static_cast<std::uint16_t>(kFirstPort + i));
    const char nothing = 0;
    ::sendto(fd.get(), &nothing, 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof to);  // lost: a silent hop
    fds_[i] = net::PolledFd(poller_, std::move(fd), *this);
  }
}

void PathTrace::on_ready(net::Readiness /*ready*/) {
  for (int i = 0; i < kTraceHops; ++i) {
    if (!fds_[i].valid()) continue;
    const auto offender = read_offender(fds_[i].get());
    if (!offender) continue;
    hops_[static_cast<std::size_t>(i)] = offender;
    fds_[i].reset();
    if (++answered_ == kTraceHops) return finish();
  }
}

void PathTrace::finish() {
  if (!on_done_) return;
  timer_.cancel();
  for (net::PolledFd& fd : fds_) fd.reset();
  const OnDone done = std::move(on_done_);
  on_done_ = nullptr;
  done(std::move(hops_));
}

}  // namespace fairlead::agent
