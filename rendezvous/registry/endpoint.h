#pragma once
// One agent's instance of a service, as the registry granted it. Immutable once published; shared by the registry
// owner and all relay workers, so whoever drops the last reference may also be the last holder of `session`.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/time.h"
#include "rendezvous/registry/endpoint_load.h"

namespace fairlead::rendezvous {

class AgentSession;  // the control side's; the registry only holds and compares it

struct Endpoint {
  enum class Path : std::uint8_t { relay, direct };

  std::string service;               // SERVICE.CLUSTER
  std::string name;                  // ENDPOINT
  std::string host;                  // mesh host, or empty
  std::uint16_t port = 0;            // service port in the mesh; 0: not said (then there is no host)
  std::vector<std::string> sni;      // more names
  std::vector<std::string> subsets;  // Istio subsets it belongs to
  std::vector<Cidr> sources;         // who may connect
  std::string spiffe_id;
  std::uint32_t claim = 0;  // the agent's number for the registration
  WallTime since{};
  Path path = Path::relay;
  std::shared_ptr<AgentSession> session;
  std::shared_ptr<EndpointLoad> load;

  bool allows(const IpAddress& client) const {
    for (const Cidr& source : sources) {
      if (source.contains(client)) return true;
    }
    return false;
  }
};

using EndpointPtr = std::shared_ptr<const Endpoint>;

}  // namespace fairlead::rendezvous
