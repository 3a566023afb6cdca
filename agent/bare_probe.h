#pragma once
// `probe` before this host has an identity: looks at the gateways and whether the servers accept a connection. What
// only a session tells stays unknown: the address seen from outside, and whether a mapped port is reached. One loop of
// its own.
#include "agent/direct_path.h"
#include "common/crypto/system_rng.h"

namespace fairlead::agent {

class BareProbe {
 public:
  explicit BareProbe(AgentConfig config);

  // At most kProbeTime and the time for deleting what was mapped.
  ProbeFacts run();

 private:
  struct Server {
    ServerFacts facts;
    std::unique_ptr<TargetDial> dial;  // while it is tried
  };

  void on_dialed(Server& server, Result<net::Connection> result);
  void look();

  AgentConfig config_;
  crypto::SystemRng rng_;
  net::Loop loop_;
  net::Poller poller_;
  net::PipePool pipes_;
  net::Farewells farewells_;
  Counters counters_;
  AgentTools tools_;
  const Links no_links_;
  const std::string endpoint_;
  DirectPath direct_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::unique_ptr<PathTrace> trace_;
  std::optional<ProbeFacts> facts_;  // once it has looked
  std::vector<std::optional<IpAddress>> hops_;
  TimePoint until_;
  core::TimerEntry step_;
};

}  // namespace fairlead::agent
