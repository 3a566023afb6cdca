#include "common/front/inbound.h"

#include "common/net/socket.h"

namespace fairlead::front {

Inbound::Inbound(InboundOwner& owner, net::Poller& poller, net::Fd fd, SocketAddress peer, const ListenerRules& rules,
                 const Limits& limits)
    : owner_(owner),
      fd_(poller, std::move(fd), *this),
      peer_(peer),
      rules_(rules),
      opening_(first_machine(rules), limits.classify_bytes),
      accepted_(poller.loop().now()),
      timeout_([](void* self) { static_cast<Inbound*>(self)->on_timeout(); }, this) {
  poller.loop().timers().arm(timeout_, accepted_ + limits.classify_timeout);
}

void Inbound::start() {
  on_ready({.readable = true, .writable = false, .hung_up = false});
}

void Inbound::on_ready(net::Readiness ready) {
  if (!ready.readable && !ready.writable) return;
  while (send_replies() && read_once() == Progress::more) continue;
}

bool Inbound::send_replies() {
  while (!opening_.output().empty()) {
    const auto put = net::write_some(fd_.get(), opening_.output());
    if (!put) tell(Reason::client_closed);
    if (!put || !*put) return false;
    opening_.sent(**put);
  }
  return true;
}

Inbound::Progress Inbound::read_once() {
  const auto got = net::read_some(fd_.get(), opening_.space());
  if (got && !*got) {
    opening_.came(0);
    return Progress::nothing;
  }
  if (!got || **got == 0) return tell(opening_.said_nothing() ? Reason::health_check : Reason::client_closed);
  auto outcome = opening_.came(**got);
  return outcome ? tell(std::move(*outcome)) : Progress::more;
}

Inbound::Progress Inbound::tell(Opening::Outcome outcome) {
  timeout_.cancel();
  owner_.on_opened(*this, std::move(outcome));
  return Progress::told;
}

void Inbound::on_timeout() {
  tell(Reason::classify_timeout);
}

}  // namespace fairlead::front
