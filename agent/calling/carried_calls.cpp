#include "agent/calling/carried_calls.h"

#include "agent/calling/call_failure.h"
#include "common/base/log.h"
#include "common/net/socket_stream.h"

namespace fairlead::agent {
namespace {

// A target for the moment between accept and the stream.
struct NobodyYet final : net::PollTarget {
  void on_ready(net::Readiness /*ready*/) override {}
};

}  // namespace

CarriedCalls::CarriedCalls(const CallTools& tools, OnChanged on_changed)
    : tools_(tools), on_changed_(std::move(on_changed)) {}

CarriedCalls::~CarriedCalls() {
  for (const auto& [call, carried] : calls_) {
    tools_.room.give_back(carried.share);
    tools_.counters.closed.add(Reason::shutting_down);
  }
}

void CarriedCalls::carry(CalledService& service, net::Fd fd, LocalCaller caller, CallWords words,
                         const net::RelayLimits& limits) {
  const auto share = tools_.room.take(Tls::terminate);
  if (!share) {
    record(service.name.sni, caller,
           {.reason = share.error().reason, .detail = service.name.sni + ": " + share.error().detail});
    NobodyYet nobody;
    return Call::turn_away(tools_, net::PolledFd(tools_.poller(), std::move(fd), nobody), words, share.error().reason);
  }
  if (share->buffers != tools_.room.memory().first_buffers()) net::limit_buffers(fd.get(), share->buffers);
  NobodyYet nobody;
  auto call = std::make_unique<Call>(
      tools_, service, std::make_unique<net::SocketStream>(net::PolledFd(tools_.poller(), std::move(fd), nobody)),
      std::move(words), limits, *share, [this](Call& ended, const CallEnd& how) { on_ended(ended, how); },
      [this] { on_answered(); });
  Call& started = *call;
  calls_[&started] = {std::move(call), &service, std::move(caller), *share};
  if (on_changed_) on_changed_();
  started.start();
}

void CarriedCalls::on_answered() {
  failure_.reset();
  if (on_changed_) on_changed_();
}

void CarriedCalls::on_ended(Call& call, const CallEnd& how) {
  const auto at = calls_.find(&call);
  Carried ended = std::move(at->second);
  calls_.erase(at);
  record(ended.service->name.sni, ended.caller, how);
  if (how.failed() && !is_client_leave(how.reason)) failure_ = {{how.reason, how.detail}, tools_.loop().now()};
  tools_.room.give_back(ended.share);
  tools_.loop().retire(std::move(ended.call));
  if (on_changed_) on_changed_();
}

std::set<const CalledService*> CarriedCalls::services() const {
  std::set<const CalledService*> out;
  for (const auto& [call, carried] : calls_) out.insert(carried.service);
  return out;
}

void CarriedCalls::record(const std::string& service, const LocalCaller& caller, const CallEnd& how) const {
  (how.failed() ? tools_.counters.refused : tools_.counters.closed).add(how.reason);
  const Level level = how.failed() && !is_client_leave(how.reason) ? Level::warn : Level::debug;
  if (!log_enabled(level)) return;
  log(level, "call",
      {{"service", service},
       {"peer", how.peer},
       {"caller", caller.from},
       {"way", caller.way},
       {"reason", reason_code(how.reason)},
       {"detail", how.failed() ? with_next_step({how.reason, how.detail}) : how.detail},
       {"bytes_in", how.bytes_in},
       {"bytes_out", how.bytes_out}});
}

}  // namespace fairlead::agent
