#include "rendezvous/setting/reload.h"

#include <utility>

#include "common/config/kept_keys.h"

namespace fairlead::rendezvous {

Reload plan_reload(const RendezvousConfig& running, RendezvousConfig wanted) {
  Reload out{.config = std::move(wanted), .for_restart = {}};
  config::KeptKeys kept;
  const ServerConfig& old = running.server;
  ServerConfig& server = out.config.server;
  kept.keep("server.listen or listener", running.listeners, out.config.listeners);
  kept.keep("port", running.ports, out.config.ports);
  kept.keep("server.public_addresses", old.public_addresses, server.public_addresses);
  kept.keep("server.domains", old.domains, server.domains);
  kept.keep("server.instance_address", old.instance_address, server.instance_address);
  kept.keep("server.workers", old.workers, server.workers);
  kept.keep("server.admin", old.admin_path, server.admin_path);
  kept.keep("server.state_dir", old.state_dir, server.state_dir);
  kept.keep("server.verify_from", old.verify_from, server.verify_from);
  kept.keep("server.verify_addresses", old.verify_any_address, server.verify_any_address);
  kept.keep("server.confine", old.confine, server.confine);
  kept.keep("signer", running.signer, out.config.signer);
  kept.keep("limits.services_per_agent", running.limits.services_per_agent, out.config.limits.services_per_agent);
  out.for_restart = kept.take_names();
  return out;
}

}  // namespace fairlead::rendezvous
