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

}  // namespace

Result<std::unique_ptr<CallListener>> CallListener::open(const CallTools& tools, CalledService& service,
                                                         const ListenAddress& address, const CallLimits& limits) {
  const auto* path = std::get_if<UnixPath>(&address);
  auto fd = path != nullptr ? net::listen_unix(path->path)
                            : net::listen_tcp(std::get<SocketAddress>(address), net::ReusePort::no);
  if (!fd) return tl::unexpected(fd.error());
  ListenAddress bound = address;
  if (path == nullptr) bound = net::local_address(fd->get()).value_or(std::get<SocketAddress>(address));
  return std::unique_ptr<CallListener>(new CallListener(tools, service, std::move(bound), limits, std::move(*fd)));
}

CallListener::CallListener(const CallTools& tools, CalledService& service, ListenAddress address,
                           const CallLimits& limits, net::Fd fd)
    : tools_(tools),
      service_(service),
      address_(std::move(address)),
      limits_(limits),
      fd_(tools.poller(), std::move(fd), *this),
      resume_([](void* self) { static_cast<CallListener*>(self)->accept_some(); }, this) {}

CallListener::~CallListener() {
  if (const auto* path = std::get_if<UnixPath>(&address_)) ::unlink(path->path.c_str());
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
  NobodyYet nobody;
  auto caller = std::make_unique<net::SocketStream>(net::PolledFd(tools_.poller(), std::move(accepted.fd), nobody));
  auto call = std::make_unique<Call>(tools_, service_, std::move(caller), limits_.relay,
                                     [this](Call& ended, const CallEnd& how) { on_ended(ended, how); });
  Call& started = *call;
  calls_[&started] = std::move(call);
  started.start();
}

void CallListener::on_ended(Call& call, const CallEnd& how) {
  log(how.failed() ? Level::warn : Level::debug, "call",
      {{"service", service_.name.sni},
       {"peer", how.peer},
       {"reason", reason_code(how.reason)},
       {"detail", how.failed() ? with_next_step({how.reason, how.detail}) : how.detail},
       {"bytes_in", how.bytes_in},
       {"bytes_out", how.bytes_out}});
  const bool was_full = calls_.size() >= limits_.at_a_time;
  const auto at = calls_.find(&call);
  tools_.loop().retire(std::move(at->second));
  calls_.erase(at);
  if (was_full) fd_.run_again();
}

}  // namespace fairlead::agent
