#include "agent/setting/reload.h"

#include <utility>

#include "common/config/kept_keys.h"

namespace fairlead::agent {

Reload plan_reload(const AgentConfig& running, AgentConfig wanted) {
  Reload out{.config = std::move(wanted), .for_restart = {}};
  config::KeptKeys kept;
  AgentConfig& config = out.config;
  kept.keep("agent.name", running.name, config.name);
  kept.keep("agent.cluster", running.cluster, config.cluster);
  kept.keep("agent.rendezvous", running.rendezvous, config.rendezvous);
  kept.keep("agent.rendezvous_id", running.rendezvous_id, config.rendezvous_id);
  kept.keep("agent.state_dir", running.state_dir, config.state_dir);
  kept.keep("agent.control", running.control_path, config.control_path);
  kept.keep("agent.confine", running.confine, config.confine);
  kept.keep("nat.mapping", running.nat.mapping, config.nat.mapping);
  kept.keep("nat.listen", running.nat.listen, config.nat.listen);
  kept.keep("nat.external_port", running.nat.external_port, config.nat.external_port);
  kept.keep("nat.interfaces", running.nat.interfaces, config.nat.interfaces);
  kept.keep("limits.relays_max", running.limits.relays_max, config.limits.relays_max);
  kept.keep("limits.memory", running.limits.memory, config.limits.memory);
  out.for_restart = kept.take_names();
  return out;
}

}  // namespace fairlead::agent
