#pragma once
// One instance of a service, as a routing table holds it: at the rendezvous what the registry granted an agent, at an
// agent a service of its own. Immutable once published; shared by whoever builds the table and all that read it, so
// whoever drops the last reference may also be the last holder of `carrier`.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/time.h"
#include "common/route/endpoint_load.h"

namespace fairlead::route {

// How an endpoint is reached. A table holds it for those who connect and never looks inside; the program that fills
// the table defines it (rendezvous/relay/carrier.h), an agent has none.
class Carrier;

struct Endpoint {
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
  std::shared_ptr<Carrier> carrier;  // null at an agent: it dials the target itself
  std::shared_ptr<EndpointLoad> load;

  bool allows(const IpAddress& client) const {
    for (const Cidr& source : sources) {
      if (source.contains(client)) return true;
    }
    return false;
  }
};

using EndpointPtr = std::shared_ptr<const Endpoint>;

}  // namespace fairlead::route
