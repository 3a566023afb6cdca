#include "agent/calling/call_thread.h"

#include <algorithm>

#include "common/net/thread.h"

namespace fairlead::agent {
namespace {
// At a time, where memory has a ceiling: so many fit into a proof's share.
constexpr std::size_t kFarewellsAside = 4;
constexpr std::size_t kOpeningsAside = 2;
constexpr Duration kTellWithin = 50ms;  // many connections a second are one report
}  // namespace

CallThread::CallThread(RelayRoom& room, Counters& counters, const DescriptorPlan& plan)
    : room_(room),
      openings_max_(std::min(kUsualOpenings, plan.callers)),
      aside_(room.take_proof()),
      ground_(room, counters, room.memory().limited() ? (aside_ ? kFarewellsAside : 1) : plan.farewells),
      tell_([](void* self) { static_cast<CallThread*>(self)->publish(); }, this) {}

CallThread::~CallThread() {
  shut_down();
  if (aside_) room_.give_back_proof(*aside_);
  if (openings_aside_) room_.give_back_proof(*openings_aside_);
}

Result<void> CallThread::start() {
  auto thread = net::start_thread([this] { ground_.loop.run(); });
  if (!thread) return tl::unexpected(thread.error());
  thread_ = std::move(*thread);
  return {};
}

void CallThread::apply(AgentConfig config, std::shared_ptr<const tls::Credentials> credentials, DeviceClock clock) {
  on_clock(std::move(clock));
  ground_.loop.post([this, config = std::move(config), credentials = std::move(credentials)]() mutable {
    take_over(config, std::move(credentials));
  });
}

void CallThread::on_clock(DeviceClock clock) {
  ground_.loop.post([this, clock = std::move(clock)] { clock_.emplace(clock); });
}

void CallThread::take_over(const AgentConfig& config, std::shared_ptr<const tls::Credentials> credentials) {
  if (credentials != credentials_) replace_context(std::move(credentials));
  if (!ports_) ports_ = std::make_unique<EgressPorts>(ground_.tools, *context_, [this] { tell_soon(); });
  ports_->apply(config);
  keep_proxy(config);
  publish();
}

// In its place: who is called refers to it.
void CallThread::replace_context(std::shared_ptr<const tls::Credentials> credentials) {
  credentials_ = std::move(credentials);
  tls::TlsClientContext context({.credentials = credentials_,
                                 .alpn = {},
                                 .clock = [this] { return clock_->read(host_time()); },
                                 .profile = tls::Profile::service});
  if (context_) {
    *context_ = std::move(context);
  } else {
    context_.emplace(std::move(context));
  }
}

void CallThread::keep_proxy(const AgentConfig& config) {
  if (!proxy_ && !config.proxy) return;
  if (!proxy_) {
    const bool limited = room_.memory().limited();
    if (limited) openings_aside_ = room_.take_proof();
    const std::size_t within = openings_aside_ ? kOpeningsAside : 1;
    proxy_ = std::make_unique<KeptProxy>(ground_.tools, *context_, limited ? within : openings_max_,
                                         [this] { tell_soon(); });
  }
  proxy_->apply(config);
}

void CallThread::network_changed() {
  ground_.loop.post([this] {
    ground_.names.network_changed();
    if (ports_) ports_->try_again();
    if (proxy_) proxy_->try_again();
  });
}

void CallThread::stop_listening() {
  ground_.loop.post([this] {
    if (ports_) ports_->close();
    if (proxy_) proxy_->close();
  });
}

void CallThread::shut_down() {
  if (!thread_.joinable()) return;
  ground_.loop.post([this] {
    tell_.cancel();  // it could still fire in this turn
    proxy_.reset();
    ports_.reset();
    ground_.loop.stop();
  });
  thread_.join();
}

void CallThread::tell_soon() {
  if (!tell_.armed()) ground_.loop.timers().arm(tell_, ground_.loop.now() + kTellWithin);
}

void CallThread::publish() {
  CallReports reports{.egress = ports_->reports(), .proxy = proxy_ ? proxy_->report() : std::nullopt};
  const std::lock_guard lock(board_mutex_);
  board_ = std::move(reports);
}

CallReports CallThread::reports() const {
  const std::lock_guard lock(board_mutex_);
  return board_;
}

}  // namespace fairlead::agent
