#include "agent/service/target_dial.h"

namespace fairlead::agent {
namespace {

Reason target_reason(Reason reason) {
  switch (reason) {
    case Reason::connect_refused:
      return Reason::target_refused;
    case Reason::connect_timeout:
      return Reason::target_timeout;
    default:
      return Reason::target_unreachable;
  }
}

}  // namespace

TargetDial::TargetDial(const ServiceTools& tools, Target target, net::SocketBuffers buffers, OnDone on_done)
    : loop_(tools.loop()),
      target_(std::move(target)),
      on_done_(std::move(on_done)),
      resolver_(tools.names),
      connector_(tools.poller(), {.source = std::nullopt, .buffers = buffers}, &tools.addresses,
                 [this](Result<net::Connection> result) { on_connected(std::move(result)); }),
      deadline_(
          [](void* self) {
            static_cast<TargetDial*>(self)->finish(fail(Reason::target_timeout, "its name was not resolved in time"));
          },
          this) {}

void TargetDial::start(Duration limit) {
  until_ = loop_.now() + limit;
  if (const auto* path = std::get_if<UnixPath>(&target_)) return connector_.start_unix(path->path, limit);
  const auto& host = std::get<HostPort>(target_);
  if (const auto ip = IpAddress::parse(host.host)) return connector_.start({{*ip, host.port}}, limit);
  loop_.timers().arm(deadline_, until_);
  resolver_.resolve(host, [this](Result<std::vector<SocketAddress>> answer) { on_resolved(std::move(answer)); });
}

void TargetDial::on_resolved(Result<std::vector<SocketAddress>> answer) {
  if (!answer) return finish(fail(Reason::target_unreachable, answer.error().detail));
  deadline_.cancel();
  connector_.start(*answer, until_ - loop_.now());
}

void TargetDial::on_connected(Result<net::Connection> result) {
  if (!result) return finish(fail(target_reason(result.error().reason), result.error().detail));
  finish(std::move(result));
}

void TargetDial::finish(Result<net::Connection> result) {
  deadline_.cancel();
  resolver_.cancel();
  const OnDone done = std::exchange(on_done_, nullptr);
  done(std::move(result));
}

}  // namespace fairlead::agent
