#include "common/front/listener.h"

namespace fairlead::front {
namespace {
constexpr int kAcceptsPerTurn = 64;  // then the connections that are already there get their turn
constexpr Duration kFullPause = 100ms;
}  // namespace

Listener::Listener(net::Poller& poller, net::Fd fd, OnAccept on_accept, OnFull on_full)
    : poller_(poller),
      fd_(poller, std::move(fd), *this),
      on_accept_(std::move(on_accept)),
      on_full_(std::move(on_full)),
      resume_([](void* self) { static_cast<Listener*>(self)->drain_queue(); }, this) {
  net::accept_who_speaks(fd_.get());  // first bytes decide: without them there is nothing to do
}

void Listener::on_ready(net::Readiness ready) {
  if (!ready.readable) return;
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    auto accepted = net::accept_connection(fd_.get());
    if (!accepted) {
      on_full_();
      poller_.loop().timers().arm(resume_, poller_.loop().now() + kFullPause);
      return;
    }
    if (!*accepted) return;
    on_accept_(std::move(**accepted));
  }
  fd_.run_again();
}

}  // namespace fairlead::front
