#pragma once
// What a server may make this agent dial and say. A rendezvous is authenticated, not trusted: one that was taken over
// must not reach into the agent's own network through it. Pure; any thread.
//
//  - One rule for every address that a server tells (for data channels, and where proofs go): the host that the control
//    connection reached, a host or network of the configuration, or an address that the world can route and that is not
//    in a network of this host's own (with IPv6, neighbours have global addresses).
//  - Nothing that a server chose stands at the begin of a connection where it could be an instruction to somebody else:
//    a ticket carries the session's id as it came, so only harmless ones are taken (common/wire/session_id.h).
#include <vector>

#include "common/base/ip.h"

namespace fairlead::agent {

struct DialRule {
  IpAddress server;                // the peer of the control connection
  std::vector<IpAddress> named;    // literal addresses of the configured servers
  std::vector<Cidr> networks;      // [agent] rendezvous_networks
  std::vector<Cidr> own_networks;  // that this host is in

  bool allows(const SocketAddress& told) const;
};

}  // namespace fairlead::agent
