#include "agent/calling/call_thread.h"

#include "common/net/thread.h"

namespace fairlead::agent {
namespace {
constexpr std::size_t kFarewellsAside = 4;  // at a time, where memory has a ceiling: they fit into a proof's share
}

CallThread::CallThread(RelayRoom& room, Counters& counters, std::size_t farewells_max)
    : room_(room),
      aside_(room.take_proof()),
      ground_(room, counters, room.memory().limited() ? (aside_ ? kFarewellsAside : 1) : farewells_max) {}

CallThread::~CallThread() {
  shut_down();
  ports_.reset();
  if (aside_) room_.give_back_proof(*aside_);
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

// A context that is replaced takes no saved session with it, so the same one stays while the identity is the same.
void CallThread::take_over(const AgentConfig& config, std::shared_ptr<const tls::Credentials> credentials) {
  if (credentials != credentials_) {
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
  if (!ports_) ports_ = std::make_unique<EgressPorts>(ground_.tools, *context_, [this] { publish(); });
  ports_->apply(config);
}

void CallThread::network_changed() {
  ground_.loop.post([this] {
    ground_.names.network_changed();
    if (ports_) ports_->try_again();
  });
}

void CallThread::stop_listening() {
  ground_.loop.post([this] {
    if (ports_) ports_->close();
  });
}

void CallThread::shut_down() {
  if (!thread_.joinable()) return;
  ground_.loop.post([this] {
    ports_.reset();
    ground_.loop.stop();
  });
  thread_.join();
}

void CallThread::publish() {
  auto reports = ports_->reports();
  const std::lock_guard lock(board_mutex_);
  board_ = std::move(reports);
}

std::vector<EgressReport> CallThread::reports() const {
  const std::lock_guard lock(board_mutex_);
  return board_;
}

}  // namespace fairlead::agent
