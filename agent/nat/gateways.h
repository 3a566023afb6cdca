#pragma once
// The gateway clients that exist, one per protocol (gateway_client.h). Serves the port mapper, which owns what it
// makes; on the poller's loop. Whatever is passed by reference outlives the client.
#include <memory>
#include <string>

#include "agent/nat/gateway_client.h"
#include "agent/nat/uplink.h"
#include "common/base/random.h"
#include "common/net/poller.h"

namespace fairlead::agent::nat {

// RFC 6887, both families. For an IPv6 uplink a grant is a pinhole: external equals internal.
std::unique_ptr<GatewayClient> make_pcp_client(net::Poller& poller, Rng& rng, const Uplink& uplink);
// RFC 6886; IPv4 uplinks alone.
std::unique_ptr<GatewayClient> make_nat_pmp_client(net::Poller& poller, const Uplink& uplink);
// UPnP IGD 1 and 2; for an IPv6 uplink WANIPv6FirewallControl. `helper_path`: the executable whose hidden command
// `upnp-helper` is upnp_helper_main() (upnp_helper.h).
std::unique_ptr<GatewayClient> make_upnp_client(net::Poller& poller, const Uplink& uplink, std::string helper_path);

}  // namespace fairlead::agent::nat
