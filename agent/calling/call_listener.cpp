#include "agent/calling/call_listener.h"

#include <unistd.h>

#include "agent/calling/call_failure.h"
#include "common/base/log.h"
#include "common/net/socket_stream.h"

namespace fairlead::agent {
namespace {

constexpr int kAcceptsPerTurn = 64;  // then the connections that are already there get their turn
constexpr Duration kFullPause = 100ms;

// A target for the moment between accept and the stream.
struct NobodyYet final : net::PollTarget {
  void on_ready(net::Readiness /*ready*/) override {}
};

ListenAddress bound_address(const ListenAddress& asked, const net::Fd& fd) {
  const auto* tcp = std::get_if<SocketAddress>(&asked);
  if (tcp == nullptr) return asked;
  return net::local_address(fd.get()).value_or(*tcp);
}

}  // namespace

Result<net::Fd> CallListener::listen(const ListenAddress& address) {
  const auto* path = std::get_if<UnixPath>(&address);
  return path != nullptr ? net::listen_unix(path->path)
                         : net::listen_tcp(std::get<SocketAddress>(address), net::ReusePort::no);
}

Result<std::unique_ptr<CallListener>> CallListener::open(const CallTools& tools, CalledService& service,
                                                         const ListenAddress& address, const CallLimits& limits) {
  auto fd = listen(address);
  if (!fd) return tl::unexpected(fd.error());
  return std::make_unique<CallListener>(tools, service, address, limits, std::move(*fd), nullptr);
}

CallListener::CallListener(const CallTools& tools, CalledService& service, const ListenAddress& address,
                           const CallLimits& limits, net::Fd fd, CallListenerOwner* owner)
    : tools_(tools),
      service_(service),
      address_(bound_address(address, fd)),
      limits_(limits),
      owner_(owner),
      resume_([](void* self) { static_cast<CallListener*>(self)->accept_some(); }, this) {
  net::limit_buffers(fd.get(), tools_.room.memory().first_buffers());  // whoever is accepted inherits them
  fd_ = net::PolledFd(tools_.poller(), std::move(fd), *this);
}

CallListener::~CallListener() {
  close();
  for (const auto& [call, carried] : calls_) {
    tools_.room.give_back(carried.share);
    tools_.counters.closed.add(Reason::shutting_down);
  }
}

void CallListener::close() {
  if (!fd_.valid()) return;
  if (const auto* path = std::get_if<UnixPath>(&address_)) ::unlink(path->path.c_str());
  release_socket();
}

net::Fd CallListener::release_socket() {
  resume_.cancel();
  return fd_.release();
}

void CallListener::on_ready(net::Readiness ready) {
  if (ready.readable) accept_some();
}

// Whoever speaks first, the service or its client, is not known: nobody is made to wait for the first byte.
void CallListener::accept_some() {
  for (int i = 0; calls_.size() < limits_.at_a_time; ++i) {
    if (i == kAcceptsPerTurn) return fd_.run_again();
    auto accepted = net::accept_connection(fd_.get());
    if (!accepted) {
      log(Level::warn, "cannot accept",
          {{"reason", reason_code(accepted.error().reason)}, {"detail", accepted.error().detail}});
      return tools_.loop().timers().arm(resume_, tools_.loop().now() + kFullPause);
    }
    if (!*accepted) return;
    carry(std::move(**accepted));
  }
}

void CallListener::carry(net::AcceptedSocket accepted) {
  const bool tcp = std::holds_alternative<SocketAddress>(address_);
  std::string from = tcp ? accepted.peer.to_string() : to_string(address_);
  const auto share = tools_.room.take(Tls::terminate);
  if (!share) {
    net::reset_on_close(accepted.fd.get());
    return record(from, {.reason = share.error().reason, .detail = service_.name.sni + ": " + share.error().detail});
  }
  if (share->buffers != tools_.room.memory().first_buffers()) net::limit_buffers(accepted.fd.get(), share->buffers);
  NobodyYet nobody;
  auto caller = std::make_unique<net::SocketStream>(net::PolledFd(tools_.poller(), std::move(accepted.fd), nobody));
  auto call = std::make_unique<Call>(tools_, service_, std::move(caller), limits_.relay, *share,
                                     [this](Call& ended, const CallEnd& how) { on_ended(ended, how); });
  Call& started = *call;
  calls_[&started] = {std::move(call), *share, std::move(from)};
  tell_changed();
  started.start();
}

void CallListener::on_ended(Call& call, const CallEnd& how) {
  const auto at = calls_.find(&call);
  record(at->second.caller, how);
  tools_.room.give_back(at->second.share);
  const bool was_full = calls_.size() >= limits_.at_a_time;
  tools_.loop().retire(std::move(at->second.call));
  calls_.erase(at);
  if (was_full && fd_.valid()) fd_.run_again();
  tell_changed();
}

void CallListener::tell_changed() {
  if (owner_ != nullptr) owner_->on_calls_changed(*this);
}

void CallListener::record(const std::string& caller, const CallEnd& how) const {
  (how.failed() ? tools_.counters.refused : tools_.counters.closed).add(how.reason);
  const Level level = how.failed() ? Level::warn : Level::debug;
  if (!log_enabled(level)) return;
  log(level, "call",
      {{"service", service_.name.sni},
       {"peer", how.peer},
       {"caller", caller},
       {"way", "port"},
       {"reason", reason_code(how.reason)},
       {"detail", how.failed() ? with_next_step({how.reason, how.detail}) : how.detail},
       {"bytes_in", how.bytes_in},
       {"bytes_out", how.bytes_out}});
}

}  // namespace fairlead::agent
