#include "rendezvous/listeners.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/net/socket.h"

namespace fairlead::rendezvous {
namespace {

bool is_any(const IpAddress& ip) {
  return ip == (ip.is_v4() ? IpAddress() : IpAddress::v6({}));
}

// To the kernel; an address that is there twice does not overlap, it is in use.
bool overlap(const SocketAddress& a, const SocketAddress& b) {
  if (a.port != b.port || a.ip.is_v4() != b.ip.is_v4() || a.ip == b.ip) return false;
  return is_any(a.ip) || is_any(b.ip);
}

}  // namespace

Listeners::Listeners(std::vector<ListenPlan> plans, Bind bind, HandOut hand_out)
    : plans_(std::move(plans)), bind_(std::move(bind)), hand_out_(std::move(hand_out)) {}

Result<void> Listeners::open() {
  for (const ListenPlan& plan : std::exchange(plans_, {})) {
    auto bound = bind(plan.address, Patience::yes);
    if (bound) {
      serve(plan, std::move(*bound));
    } else if (bound.error().reason == Reason::address_missing) {
      log(Level::warn, "not listening yet; it is tried again",
          {{"reason", reason_code(bound.error().reason)}, {"detail", bound.error().detail}});
      missing_.push_back({plan, bound.error()});
    } else {
      return tl::unexpected(bound.error());
    }
  }
  return {};
}

void Listeners::try_again() {
  for (Missing& each : std::exchange(missing_, {})) {
    auto bound = bind(each.plan.address, Patience::no);
    if (bound) {
      serve(each.plan, std::move(*bound));
    } else {
      missing_.push_back({std::move(each.plan), bound.error()});
    }
  }
}

Result<BoundAddress> Listeners::bind(const SocketAddress& address, Patience patience) const {
  const bool own = std::ranges::any_of(served_, [&](const SocketAddress& each) { return overlap(each, address); });
  return bind_(address, {.own_overlap = own ? OwnOverlap::yes : OwnOverlap::no, .patience = patience});
}

void Listeners::serve(const ListenPlan& plan, BoundAddress bound) {
  log(Level::info, "listening", {{"address", bound.address.to_string()}, {"service", plan.rules.service}});
  served_.push_back(bound.address);
  locks_.push_back(std::move(bound.lock));
  hand_out_(std::move(bound.sockets), plan.rules);
}

std::vector<Error> Listeners::problems() const {
  std::vector<Error> out;
  for (const Missing& each : missing_) out.push_back(each.error);
  return out;
}

Result<BoundAddress> bind_for_workers(const SocketAddress& address, std::size_t workers, const std::string& state_dir,
                                      ListenManner manner) {
  auto lock = ListenLock::take(address, state_dir, manner);
  if (!lock) return tl::unexpected(lock.error());
  BoundAddress out{.address = address, .sockets = {}, .lock = std::move(*lock)};
  while (out.sockets.size() < workers) {
    auto fd = net::listen_tcp(out.address, net::ReusePort::yes);
    if (!fd) return tl::unexpected(fd.error());
    // Port 0: all workers share what the first one got.
    out.address = net::local_address(fd->get()).value_or(out.address);
    out.sockets.push_back(std::move(*fd));
  }
  return out;
}

}  // namespace fairlead::rendezvous
