#include "agent/service/target_dial.h"

#include <algorithm>

#include "common/net/socket.h"

namespace fairlead::agent {

TargetDial::TargetDial(net::Poller& poller, const Target& target, Duration limit, net::SocketBuffers buffers,
                       OnDone on_done)
    : poller_(poller),
      target_(target),
      buffers_(buffers),
      on_done_(std::move(on_done)),
      resolver_(poller.loop()),
      deadline_(
          [](void* self) {
            static_cast<TargetDial*>(self)->finish(fail(Reason::target_timeout, "the connect was not answered"));
          },
          this),
      soon_([](void* self) { static_cast<TargetDial*>(self)->try_next(); }, this) {
  auto& loop = poller.loop();
  loop.timers().arm(deadline_, loop.now() + limit);
}

void TargetDial::start() {
  if (const auto* path = std::get_if<UnixPath>(&target_)) return begin(net::connect_unix(path->path));
  const auto& host = std::get<HostPort>(target_);
  if (const auto ip = IpAddress::parse(host.host)) return begin(connect({*ip, host.port}));
  resolver_.resolve(host, [this](Result<std::vector<SocketAddress>> answer) {
    if (!answer) return finish(fail(Reason::target_unreachable, answer.error().detail));
    addresses_ = std::move(*answer);
    std::reverse(addresses_.begin(), addresses_.end());
    try_next();
  });
}

Result<net::Fd> TargetDial::connect(const SocketAddress& address) const {
  return net::connect_tcp(address, {.source = std::nullopt, .buffers = buffers_});
}

void TargetDial::begin(Result<net::Fd> connecting) {
  if (connecting) {
    if (std::holds_alternative<UnixPath>(target_)) net::limit_buffers(connecting->get(), buffers_);
    fd_ = net::PolledFd(poller_, std::move(*connecting), *this);
    return;
  }
  last_error_ = connecting.error();
  poller_.loop().timers().arm(soon_, poller_.loop().now());
}

void TargetDial::try_next() {
  fd_.reset();
  if (addresses_.empty()) return finish(fail(target_reason(last_error_.reason), last_error_.detail));
  const SocketAddress next = addresses_.back();
  addresses_.pop_back();
  begin(connect(next));
}

void TargetDial::on_ready(net::Readiness ready) {
  if (!ready.writable && !ready.hung_up) return;
  auto failed = ready.hung_up ? net::connect_result(fd_.get()) : std::nullopt;
  if (failed) {
    last_error_ = std::move(*failed);
    return try_next();
  }
  finish(std::move(fd_));
}

void TargetDial::finish(Result<net::PolledFd> result) {
  deadline_.cancel();
  soon_.cancel();
  resolver_.cancel();
  on_done_(std::move(result));
}

Reason TargetDial::target_reason(Reason reason) {
  switch (reason) {
    case Reason::connect_refused:
      return Reason::target_refused;
    case Reason::connect_timeout:
      return Reason::target_timeout;
    default:
      return Reason::target_unreachable;
  }
}

}  // namespace fairlead::agent
