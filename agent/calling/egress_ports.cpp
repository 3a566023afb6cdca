#include "agent/calling/egress_ports.h"

#include <algorithm>

#include "agent/calling/call_ground.h"
#include "common/base/log.h"

namespace fairlead::agent {
namespace {

constexpr Duration kRetry = 5s;

}  // namespace

EgressPorts::EgressPorts(const CallTools& tools, tls::TlsClientContext& context, std::function<void()> on_changed)
    : tools_(tools),
      context_(context),
      on_changed_(std::move(on_changed)),
      retry_([](void* self) { static_cast<EgressPorts*>(self)->try_again(); }, this) {}

EgressPorts::~EgressPorts() = default;

// First what goes on as it is, then sockets that lead elsewhere now; then what is gone makes room for what is new.
void EgressPorts::apply(const AgentConfig& config) {
  limits_ = {.at_a_time = tools_.room.relays_max(), .relay = call_relay_limits(config.limits)};
  Ports before = std::exchange(ports_, Ports(config.egress.size()));
  keep_what_stays(config, before);
  hand_over_sockets(config, before);
  for (auto& gone : before) {
    if (gone) let_go(std::move(gone));
  }
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    if (ports_[i]) continue;
    ports_[i] = make(config.egress[i], config);
    open(*ports_[i]);
  }
  on_changed_();
}

void EgressPorts::keep_what_stays(const AgentConfig& config, Ports& before) {
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    const auto same =
        std::ranges::find_if(before, [&](const auto& each) { return each && each->config == config.egress[i]; });
    if (same == before.end()) continue;
    ports_[i] = std::move(*same);
    ports_[i]->service.connect_timeout = config.limits.connect_timeout;
    ports_[i]->service.handshake_timeout = config.limits.handshake_timeout;
    if (ports_[i]->listener) ports_[i]->listener->set_limits(limits_);
  }
}

void EgressPorts::hand_over_sockets(const AgentConfig& config, Ports& before) {
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    const auto there = std::ranges::find_if(before, [&](const auto& each) {
      return each && each->listener && each->config.listen == config.egress[i].listen;
    });
    if (ports_[i] || there == before.end()) continue;
    ports_[i] = make(config.egress[i], config);
    listen(*ports_[i], (*there)->listener->release_socket());
    let_go(std::move(*there));
  }
}

std::unique_ptr<EgressPorts::Port> EgressPorts::make(const EgressConfig& egress, const AgentConfig& config) const {
  return std::make_unique<Port>(Port{.config = egress,
                                     .service = {.name = egress.name,
                                                 .servers = config.rendezvous,
                                                 .connect_timeout = config.limits.connect_timeout,
                                                 .handshake_timeout = config.limits.handshake_timeout,
                                                 .context = context_},
                                     .listener = nullptr,
                                     .problem = std::nullopt});
}

void EgressPorts::open(Port& port) {
  auto fd = LocalPort::listen(port.config.listen);
  if (fd) return listen(port, std::move(*fd));
  const bool news = !port.problem || port.problem->reason != fd.error().reason;
  port.problem = fd.error();
  tools_.loop().timers().arm(retry_, tools_.loop().now() + kRetry);
  if (!news) return;
  log(Level::warn, "egress cannot be listened on; it is tried again",
      {{"service", port.config.name.sni},
       {"reason", reason_code(port.problem->reason)},
       {"detail", port.problem->detail}});
}

void EgressPorts::listen(Port& port, net::Fd fd) {
  port.problem.reset();
  port.listener =
      std::make_unique<CallListener>(tools_, port.service, port.config.listen, limits_, std::move(fd), this);
  log(Level::info, "egress", {{"service", port.config.name.sni}, {"listen", port.listener->address()}});
  if (is_for_others(port.config.listen)) {
    log(Level::warn, "egress listens beyond this host: whoever reaches it calls with this agent's identity",
        {{"service", port.config.name.sni}, {"listen", port.listener->address()}});
  }
}

void EgressPorts::try_again() {
  for (const auto& port : ports_) {
    if (!port->listener) open(*port);
  }
  on_changed_();
}

void EgressPorts::let_go(std::unique_ptr<Port> port) {
  if (!port->listener) return;
  port->listener->close();
  if (port->listener->calls() == 0) return tools_.loop().retire(std::move(port));
  leftovers_.push_back(std::move(port));
}

void EgressPorts::close() {
  retry_.cancel();
  for (const auto& port : ports_) {
    if (port->listener) port->listener->close();
  }
}

void EgressPorts::on_calls_changed(CallListener& listener) {
  on_changed_();
  if (listener.calls() > 0) return;
  const auto done =
      std::ranges::find_if(leftovers_, [&](const auto& each) { return each->listener.get() == &listener; });
  if (done == leftovers_.end()) return;
  tools_.loop().retire(std::move(*done));
  leftovers_.erase(done);
}

std::vector<EgressReport> EgressPorts::reports() const {
  std::vector<EgressReport> out;
  for (const auto& port : ports_) {
    out.push_back({.name = port->config.name.sni,
                   .listen = port->listener ? port->listener->address() : to_string(port->config.listen),
                   .connections = port->listener ? port->listener->calls() : 0,
                   .problem = port->problem,
                   .failure = port->listener ? port->listener->failure() : std::nullopt});
  }
  return out;
}

}  // namespace fairlead::agent
