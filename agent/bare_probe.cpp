#include "agent/bare_probe.h"

#include <algorithm>

#include "common/net/socket.h"

namespace fairlead::agent {
namespace {

constexpr Duration kLookTime = 6s;
constexpr Duration kStep = 50ms;
constexpr Duration kDialTime = 3s;
constexpr Duration kUnmapTime = 1500ms;

// A dial speaks of targets; here the target is a server.
Reason as_connect_reason(Reason reason) {
  switch (reason) {
    case Reason::target_refused:
      return Reason::connect_refused;
    case Reason::target_timeout:
      return Reason::connect_timeout;
    case Reason::target_unreachable:
      return Reason::connect_unreachable;
    default:
      return reason;
  }
}

}  // namespace

BareProbe::BareProbe(AgentConfig config)
    : config_(std::move(config)),
      poller_(loop_),
      farewells_(poller_),
      tools_{.loop = loop_,
             .channel = {poller_, pipes_, farewells_},
             .config = config_,
             .counters = counters_,
             .rng = rng_},
      endpoint_(config_.name.empty() ? "probe" : config_.name),
      direct_(tools_, no_links_, endpoint_, {}),
      step_([](void* self) { static_cast<BareProbe*>(self)->look(); }, this) {}

ProbeFacts BareProbe::run() {
  until_ = loop_.now() + kLookTime;
  direct_.start(nullptr, {});
  for (const HostPort& each : config_.rendezvous) {
    servers_.push_back(std::make_unique<Server>());
    Server& server = *servers_.back();
    server.facts = {.address = each.to_string(), .state = "connecting"};
    server.dial = std::make_unique<TargetDial>(
        tools_.service(), each, net::SocketBuffers(),
        [this, &server](Result<net::Connection> result) { on_dialed(server, std::move(result)); });
    server.dial->start(kDialTime);
  }
  loop_.timers().arm(step_, loop_.now() + kStep);
  loop_.run();
  return *facts_;
}

void BareProbe::on_dialed(Server& server, Result<net::Connection> result) {
  server.dial.reset();
  server.facts.up = result.has_value();
  server.facts.state = result ? "reachable" : "unreachable";
  if (!result) {
    server.facts.error = Error{as_connect_reason(result.error().reason), result.error().detail};
  } else if (!trace_) {
    trace_ = std::make_unique<PathTrace>(poller_, [this](auto hops) { hops_ = std::move(hops); });
    trace_->start(result->peer.ip);
  }
}

void BareProbe::look() {
  if (facts_) return loop_.stop();  // the gateways had their time
  const bool dialing = std::ranges::any_of(servers_, [](const auto& each) { return each->dial != nullptr; });
  const bool tracing = trace_ && hops_.empty();
  if ((dialing || tracing || !direct_.settled()) && loop_.now() < until_) {
    return loop_.timers().arm(step_, loop_.now() + kStep);
  }
  facts_ = direct_.facts();
  facts_->hops = hops_;
  for (const auto& each : servers_) facts_->servers.push_back(each->facts);
  loop_.timers().arm(step_, loop_.now() + kUnmapTime);
  direct_.stop(kUnmapTime, [this] { loop_.timers().arm(step_, loop_.now()); });
}

}  // namespace fairlead::agent
