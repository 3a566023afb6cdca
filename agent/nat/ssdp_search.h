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
  std::vector<HttpUrl> locations;  // at most kMaxDevices
  std::string refused;             // a LOCATION that speaks_for_itself() does not let through, or no literal; "": none
};

// Returns as soon as the gateway itself has answered, after a moment for its other answers; after `budget` at the
// latest.
Result<SsdpFindings> search_gateways(const Uplink& uplink, const std::vector<Cidr>& networks,
                                     std::chrono::milliseconds budget);

// Whether `from` may send us to this place: the gateway to itself, at a port where devices serve HTTP. Any host of the
// network can answer a search, and would otherwise choose whom we send our GET and POST to. By IPv6 a router answers
// from one address and names another: there it is the gateway, or whoever names itself.
bool speaks_for_itself(const HttpUrl& location, const IpAddress& from, const Uplink& uplink,
                       const std::vector<Cidr>& networks);

// Puts an answer of `from` where it belongs: the pure part.
void add_finding(const SsdpMessage& message, const IpAddress& from, const Uplink& uplink,
                 const std::vector<Cidr>& networks, SsdpFindings& into);

}  // namespace fairlead::agent::nat
