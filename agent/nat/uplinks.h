#pragma once
// Which ways out this host has: its default routes with the address to be used on each, and interfaces that have a
// global address without a route of their own. Serves the port mapper. Any thread.
#include <string>
#include <vector>

#include "agent/nat/netlink_dump.h"
#include "agent/nat/uplink.h"

namespace fairlead::agent::nat {

inline constexpr std::size_t kMaxUplinks = 16;  // the best metric comes first

// The uplinks of this host, best metric first; `interfaces` empty: on all but tunnels and container bridges. Asks the
// kernel, which blocks for milliseconds.
std::vector<Uplink> find_uplinks(const std::vector<std::string>& interfaces);

// The same from a dump.
std::vector<Uplink> choose_uplinks(const NetworkDump& dump, const std::vector<std::string>& interfaces);
// Whether it is a tunnel or a container bridge.
bool is_skipped(const LinkInfo& link);

// The blocks attached to an interface, by which a neighbour's address is told from a stranger's.
std::vector<Cidr> on_link_networks(const NetworkDump& dump, unsigned index);
// A neighbour: the gateway, an IPv6 link-local address, or in one of the blocks; not this host itself.
bool is_on_link(const IpAddress& address, const Uplink& uplink, const std::vector<Cidr>& networks);

}  // namespace fairlead::agent::nat
