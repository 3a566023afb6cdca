#pragma once
// What a program that calls one name stands on: its loop and what hangs on it, its identity, and the service as it is
// called. Without a session and without a running agent: by the relay of the configured servers.
//
// Owned by a command, on its only thread; what runs on it dies first.
#include <memory>

#include "agent/calling/service_dial.h"
#include "agent/resource/device_clock.h"
#include "agent/setting/config.h"
#include "common/net/farewell.h"
#include "common/net/names.h"
#include "common/net/pipe_pool.h"

namespace fairlead::agent {

class CallLoop {
 public:
  // config_invalid when the identity cannot be used. `config` names servers, identity and limits.
  static Result<std::unique_ptr<CallLoop>> open(const AgentConfig& config, CalledName name);

  net::Loop& loop() { return loop_; }
  const CallTools& tools() const { return tools_; }
  CalledService& service() { return service_; }
  net::RelayLimits relay_limits() const;
  // Runs until the loop is stopped, or ended by SIGTERM or SIGINT: false then.
  bool run();

 private:
  CallLoop(const AgentConfig& config, CalledName name, std::shared_ptr<const tls::Credentials> credentials);

  const Limits limits_;
  DeviceClock clock_;
  tls::TlsClientContext context_;
  net::Loop loop_;
  net::Poller poller_;
  net::PipePool pipes_;
  net::Farewells farewells_;
  net::Names names_;
  core::AddressMemory addresses_;
  const CallTools tools_;
  CalledService service_;
};

}  // namespace fairlead::agent
