#pragma once
// One way out of this host: an interface, our address on it and the gateway behind it, for one family. Port mappings
// are asked for per uplink. Values; any thread.
#include <string>

#include "common/base/ip.h"

namespace fairlead::agent::nat {

struct Uplink {
  std::string interface;  // "eth0"
  unsigned index = 0;     // its ifindex
  IpAddress local;        // our address there; IPv6: a global one that is stable (not temporary, not deprecated)
  IpAddress gateway;      // next hop of the default route; IPv6: usually link-local, dialled with `index` as its scope.
                          // Unspecified (0.0.0.0 or ::): the route needs none, and there is nobody to ask
  std::uint32_t metric = 0;
  auto operator<=>(const Uplink&) const = default;
};

}  // namespace fairlead::agent::nat
