#include "common/front/listener.h"

#include <fcntl.h>

#include <array>

#include "common/wire/tls_alert.h"

namespace fairlead::front {
namespace {
constexpr int kAcceptsPerTurn = 64;  // then the connections that are already there get their turn
constexpr Duration kFullPause = 100ms;
constexpr std::size_t kReadAway = 16 * 1024;  // what is unread at the close makes it a reset, which overtakes the alert

net::Fd open_spare() {
  return net::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void turn_away(const net::Fd& fd) {
  std::array<std::uint8_t, kReadAway> unread{};
  (void)net::read_some(fd.get(), unread);
  (void)net::write_some(fd.get(), wire::tls_alert(wire::kInternalError));
}

}  // namespace

Listener::Listener(net::Poller& poller, net::Fd fd, OnAccept on_accept, OnFull on_full)
    : poller_(poller),
      fd_(poller, std::move(fd), *this),
      spare_(open_spare()),
      on_accept_(std::move(on_accept)),
      on_full_(std::move(on_full)),
      resume_([](void* self) { static_cast<Listener*>(self)->accept_in_turn(); }, this) {
  net::accept_who_speaks(fd_.get());  // first bytes decide: without them there is nothing to do
}

void Listener::on_ready(net::Readiness ready) {
  if (ready.readable) accept_in_turn();
}

void Listener::accept_in_turn() {
  switch (accept_some()) {
    case Queue::empty:
      return;
    case Queue::more:
      return fd_.run_again();
    case Queue::full:
      return poller_.loop().timers().arm(resume_, poller_.loop().now() + kFullPause);
  }
}

// As many as a queue holds, lest a flood keep us from the end.
void Listener::drain_queue() {
  for (int taken = 0; taken <= net::kListenBacklog; taken += kAcceptsPerTurn) {
    if (accept_some() == Queue::empty) return;
  }
}

Listener::Queue Listener::accept_some() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    auto accepted = net::accept_connection(fd_.get());
    if (!accepted) {
      refuse_waiting();
      return Queue::full;
    }
    if (!*accepted) return Queue::empty;
    on_accept_(std::move(**accepted));
  }
  return Queue::more;
}

void Listener::refuse_waiting() {
  on_full_();
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    spare_.reset();
    const auto accepted = net::accept_connection(fd_.get());
    if (!accepted || !*accepted) break;
    if (i > 0) on_full_();
    turn_away((*accepted)->fd);
  }
  spare_ = open_spare();
}

}  // namespace fairlead::front
