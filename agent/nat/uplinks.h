#pragma once
// Which ways out this host has: its default routes with the address to be used on each, and interfaces that have a
// global address without needing a gateway (rtnetlink(7)). Serves the port mapper. Pure parsers over what the kernel
// says, and one call that asks it.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/nat/uplink.h"
#include "common/base/bytes.h"

namespace fairlead::agent::nat {

inline constexpr std::size_t kMaxUplinks = 16;  // more are cut off: the best metric comes first

struct LinkInfo {
  unsigned index = 0;
  std::string name;
  std::string kind;  // IFLA_INFO_KIND: "wireguard", "bridge", "veth"; empty for hardware
  bool up = false;
  bool loopback = false;
  bool tunnel = false;  // by its hardware type (ARPHRD_TUNNEL, ARPHRD_NONE, ...)
  bool operator==(const LinkInfo&) const = default;
};

struct AddressInfo {
  unsigned index = 0;
  IpAddress address;
  int prefix = 0;
  bool usable = true;  // not temporary, deprecated, tentative or found twice
  bool operator==(const AddressInfo&) const = default;
};

struct DefaultRoute {
  unsigned index = 0;
  IpAddress gateway;    // unspecified: none
  IpAddress preferred;  // RTA_PREFSRC; unspecified: none
  std::uint32_t metric = 0;
  bool operator==(const DefaultRoute&) const = default;
};

struct NetworkDump {
  std::vector<LinkInfo> links;
  std::vector<AddressInfo> addresses;
  std::vector<DefaultRoute> routes;
};

// Adds what a datagram of netlink messages says (RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE); other messages, and what is
// malformed or cut off, are left out. True: the dump is complete (NLMSG_DONE or NLMSG_ERROR).
bool parse_netlink(ByteView datagram, NetworkDump& into);

// Tunnels and container bridges: skipped unless the configuration names them.
bool is_skipped(const LinkInfo& link);

// The uplinks of a host, best metric first, at most kMaxUplinks. `interfaces` empty: all that are not skipped.
std::vector<Uplink> choose_uplinks(const NetworkDump& dump, const std::vector<std::string>& interfaces);

// Asks the kernel; blocks for milliseconds. Empty where netlink is missing.
std::vector<Uplink> find_uplinks(const std::vector<std::string>& interfaces);
// The blocks that are directly attached to `interface_index` (both families), by which an address is on-link.
std::vector<Cidr> on_link_networks(unsigned interface_index);

}  // namespace fairlead::agent::nat
