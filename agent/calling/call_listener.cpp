#include "agent/calling/call_listener.h"

#include <utility>

namespace fairlead::agent {

Result<std::unique_ptr<CallListener>> CallListener::open(const CallTools& tools, CalledService& service,
                                                         const ListenAddress& address, const CallLimits& limits) {
  auto fd = LocalPort::listen(address);
  if (!fd) return tl::unexpected(fd.error());
  return std::make_unique<CallListener>(tools, service, address, limits, std::move(*fd), nullptr);
}

// Whoever speaks first, the service or its client, is not known: nobody is made
// to wait for the first byte.
CallListener::CallListener(const CallTools& tools, CalledService& service, const ListenAddress& address,
                           const CallLimits& limits, net::Fd fd, CallListenerOwner* owner)
    : tools_(tools),
      service_(service),
      limits_(limits),
      owner_(owner),
      calls_(tools, [this] { on_changed(); }),
      port_(
          tools.poller(), address, std::move(fd), tools.room.memory().first_buffers(),
          [this] { return calls_.size() < limits_.at_a_time; },
          [this](net::Fd accepted, std::string from) { take(std::move(accepted), std::move(from)); }) {}

void CallListener::take(net::Fd fd, std::string from) {
  calls_.carry(service_, std::move(fd), {std::move(from), "port"}, {}, limits_.relay);
}

void CallListener::on_changed() {
  const bool full = calls_.size() >= limits_.at_a_time;
  if (std::exchange(was_full_, full) && !full) port_.look_again();
  if (owner_ != nullptr) owner_->on_calls_changed(*this);
}

}  // namespace fairlead::agent
