#pragma once
// What the port mapper hands to those who have it verified: plain values, any thread.
#include <cstdint>
#include <string>

#include "common/base/ip.h"

namespace fairlead::agent::nat {

// An address at which this agent believes to be reachable. `number` is stable while it stands for the same uplink and
// method; another address under the same number replaces the earlier one.
struct Candidate {
  std::uint32_t number = 0;
  SocketAddress external;
  std::string method;  // "pcp", "nat_pmp", "upnp", "host" (a global address of this host's own)
  IpAddress local;     // the uplink's: where a proof connection must come from
  bool operator==(const Candidate&) const = default;
};

}  // namespace fairlead::agent::nat
