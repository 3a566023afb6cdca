#pragma once
// Looks for Internet gateway devices on one uplink: M-SEARCH to the gateway itself, then to the multicast group. Serves
// the UPnP helper; blocks.
#include <chrono>
#include <vector>

#include "agent/nat/ssdp.h"
#include "agent/nat/uplink.h"
#include "common/base/result.h"

namespace fairlead::agent::nat {

inline constexpr std::size_t kMaxDevices = 8;  // descriptions that are looked at

struct SsdpFindings {
  std::vector<HttpUrl> locations;  // on-link; those at the gateway's address first; at most kMaxDevices
  std::string refused;             // a LOCATION that is not on-link or no literal; "": none
};

// Returns as soon as the gateway itself has answered, after a moment for its other answers; after `budget` at the
// latest.
Result<SsdpFindings> search_gateways(const Uplink& uplink, const std::vector<Cidr>& networks,
                                     std::chrono::milliseconds budget);

// Puts an answer where it belongs: the pure part.
void add_finding(const SsdpMessage& message, const Uplink& uplink, const std::vector<Cidr>& networks,
                 SsdpFindings& into);

}  // namespace fairlead::agent::nat
