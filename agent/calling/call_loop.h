#pragma once
// What a program that calls stands on: its loop and what hangs on it, its identity, and how services are called.
// Without a session and without a running agent: by the relay of the configured servers.
//
// Owned by a command, on its only thread; what runs on it dies first.
#include <memory>

#include "agent/calling/call_ground.h"
#include "agent/resource/device_clock.h"
#include "agent/setting/config.h"

namespace fairlead::agent {

class CallLoop {
 public:
  // config_invalid when the identity cannot be used. `config` names servers, identity and limits.
  static Result<std::unique_ptr<CallLoop>> open(const AgentConfig& config);

  net::Loop& loop() { return ground_.loop; }
  const CallTools& tools() const { return ground_.tools; }
  tls::TlsClientContext& context() { return context_; }
  CalledService service(CalledName name);
  net::RelayLimits relay_limits() const { return call_relay_limits(limits_); }
  // Runs until the loop is stopped, or ended by SIGTERM or SIGINT: false then.
  bool run();

 private:
  CallLoop(const AgentConfig& config, std::shared_ptr<const tls::Credentials> credentials);

  const std::vector<HostPort> servers_;
  const Limits limits_;
  DeviceClock clock_;
  tls::TlsClientContext context_;
  RelayRoom room_;
  Counters counters_;
  CallGround ground_;
};

}  // namespace fairlead::agent
