#include "agent/agent_run.h"

#include "agent/setting/cli.h"
#include "common/base/log.h"
#include "common/config/config_path.h"

namespace fairlead::agent {
namespace {

constexpr std::size_t kLogQueue = 64 * 1024;  // bytes of lines that wait for stderr: small devices

}  // namespace

int run_agent(AgentConfig config, const std::string& config_path, Agent::OnReachable on_reachable) {
  start_log_writer(kLogQueue);
  auto agent = Agent::open(std::move(config), config_path, std::move(on_reachable));
  if (!agent) return config::complain(kProgram, agent.error());
  (*agent)->run();
  return config::kExitSuccess;
}

Result<std::string> control_socket_of(const std::string& config, const std::string& socket) {
  if (!socket.empty()) return socket;
  const config::ConfigPath path = config::find_config(config, kConfigFile);
  if (config::is_absent(path)) return AgentConfig{}.control_path;
  return load_control_path(path.file);
}

}  // namespace fairlead::agent
