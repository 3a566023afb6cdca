#include "agent/calling/kept_proxy.h"

#include <algorithm>

#include "common/base/log.h"

namespace fairlead::agent {
namespace {
constexpr Duration kRetry = 5s;
}

KeptProxy::KeptProxy(const CallTools& tools, tls::TlsClientContext& context, std::size_t openings_max,
                     std::function<void()> on_changed)
    : tools_(tools),
      context_(context),
      on_changed_(std::move(on_changed)),
      terms_{.servers = {}, .limits = {}, .openings_max = openings_max},
      retry_([](void* self) { static_cast<KeptProxy*>(self)->try_again(); }, this) {}

KeptProxy::~KeptProxy() = default;

void KeptProxy::apply(const AgentConfig& config) {
  terms_.servers = config.rendezvous;
  terms_.limits = config.limits;
  if (port_) port_->set_limits(config.limits);
  if (wanted_ != config.proxy) {
    let_go();
    wanted_ = config.proxy;
    problem_.reset();
  }
  try_again();
}

void KeptProxy::try_again() {
  if (wanted_ && !port_) open();
  on_changed_();
}

void KeptProxy::open() {
  auto fd = LocalPort::listen(*wanted_);
  if (!fd) {
    const bool news = !problem_ || problem_->reason != fd.error().reason;
    problem_ = fd.error();
    tools_.loop().timers().arm(retry_, tools_.loop().now() + kRetry);
    if (!news) return;
    return log(Level::warn, "the proxy's port cannot be listened on; it is tried again",
               {{"reason", reason_code(problem_->reason)}, {"detail", problem_->detail}});
  }
  problem_.reset();
  port_ =
      std::make_unique<ProxyPort>(tools_, context_, terms_, *wanted_, std::move(*fd), [this] { on_calls_changed(); });
  log(Level::info, "proxy", {{"listen", port_->address()}});
  if (is_for_others(*wanted_)) {
    log(Level::warn, "the proxy listens beyond this host: whoever reaches it calls with this identity",
        {{"listen", port_->address()}});
  }
}

void KeptProxy::let_go() {
  retry_.cancel();
  if (!port_) return;
  port_->close();
  leftovers_.push_back(std::move(port_));
  on_calls_changed();
}

void KeptProxy::close() {
  retry_.cancel();
  if (port_) port_->close();
}

void KeptProxy::on_calls_changed() {
  for (auto& each : leftovers_) {
    if (each->calls() == 0) tools_.loop().retire(std::move(each));
  }
  std::erase(leftovers_, nullptr);
  on_changed_();
}

std::optional<EgressReport> KeptProxy::report() const {
  if (!wanted_) return std::nullopt;
  return EgressReport{.name = "",
                      .listen = port_ ? port_->address() : to_string(*wanted_),
                      .connections = port_ ? port_->calls() : 0,
                      .problem = problem_,
                      .failure = std::nullopt};  // of which of its names?
}

}  // namespace fairlead::agent
