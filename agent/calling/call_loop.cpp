#include "agent/calling/call_loop.h"

#include <csignal>

#include "agent/resource/descriptor_plan.h"
#include "common/base/log.h"
#include "common/net/signals.h"

namespace fairlead::agent {
namespace {

// Of [limits] relays_max and what this process may open, the less.
std::size_t most_calls(const Limits& limits) {
  return plan_descriptors({.open_files = net::raise_open_files(), .channels = 0, .relays = limits.relays_max}).relays;
}

}  // namespace

Result<std::unique_ptr<CallLoop>> CallLoop::open(const AgentConfig& config) {
  auto credentials = tls::Credentials::load({config.identity.cert, config.identity.key, config.identity.ca});
  if (!credentials) return tl::unexpected(credentials.error());
  for (const std::string& warning : (*credentials)->warnings()) log(Level::warn, warning);
  return std::unique_ptr<CallLoop>(new CallLoop(config, std::move(*credentials)));
}

CallLoop::CallLoop(const AgentConfig& config, std::shared_ptr<const tls::Credentials> credentials)
    : servers_(config.rendezvous),
      limits_(config.limits),
      clock_("", build_time(), {credentials->not_before(), credentials->not_after()}),
      context_({.credentials = std::move(credentials),
                .alpn = {},
                .clock = [this] { return clock_.read(host_time()); },
                .profile = tls::Profile::service}),
      room_(most_calls(limits_), memory_of(limits_)),
      ground_(room_, counters_, room_.memory().callers_max(net::kMaxFarewells)) {}

CalledService CallLoop::service(CalledName name) {
  return {.name = std::move(name),
          .servers = servers_,
          .connect_timeout = limits_.connect_timeout,
          .handshake_timeout = limits_.handshake_timeout,
          .context = context_};
}

bool CallLoop::run() {
  bool told = false;
  const auto stop = [this, &told] {
    told = true;
    ground_.loop.stop();
  };
  const net::SignalWatcher terminate(ground_.loop, SIGTERM, stop);
  const net::SignalWatcher interrupt(ground_.loop, SIGINT, stop);
  ground_.loop.run();
  return !told;
}

}  // namespace fairlead::agent
