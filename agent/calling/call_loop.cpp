#include "agent/calling/call_loop.h"

#include <csignal>

#include "common/base/log.h"
#include "common/net/signals.h"

namespace fairlead::agent {

Result<std::unique_ptr<CallLoop>> CallLoop::open(const AgentConfig& config, CalledName name) {
  auto credentials = tls::Credentials::load({config.identity.cert, config.identity.key, config.identity.ca});
  if (!credentials) return tl::unexpected(credentials.error());
  for (const std::string& warning : (*credentials)->warnings()) log(Level::warn, warning);
  return std::unique_ptr<CallLoop>(new CallLoop(config, std::move(name), std::move(*credentials)));
}

CallLoop::CallLoop(const AgentConfig& config, CalledName name, std::shared_ptr<const tls::Credentials> credentials)
    : limits_(config.limits),
      clock_("", build_time(), {credentials->not_before(), credentials->not_after()}),
      context_({.credentials = std::move(credentials),
                .alpn = {},
                .clock = [this] { return clock_.read(host_time()); },
                .profile = tls::Profile::service}),
      poller_(loop_),
      farewells_(poller_),
      names_(loop_),
      tools_{.relay = {poller_, pipes_, farewells_}, .names = names_, .addresses = addresses_},
      service_{.name = std::move(name),
               .servers = config.rendezvous,
               .connect_timeout = limits_.connect_timeout,
               .handshake_timeout = limits_.handshake_timeout,
               .context = context_} {}

net::RelayLimits CallLoop::relay_limits() const {
  return {.idle_timeout = limits_.idle_timeout,
          .half_close_timeout = limits_.half_close_timeout,
          .first = core::FlightRule::anything};  // TLS was ended here
}

bool CallLoop::run() {
  bool told = false;
  const auto stop = [this, &told] {
    told = true;
    loop_.stop();
  };
  const net::SignalWatcher terminate(loop_, SIGTERM, stop);
  const net::SignalWatcher interrupt(loop_, SIGINT, stop);
  loop_.run();
  return !told;
}

}  // namespace fairlead::agent
