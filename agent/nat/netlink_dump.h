#pragma once
// Links, addresses and default routes of this host as the kernel tells them (rtnetlink(7)). Serves the choice of
// uplinks. A pure parser, and one call that asks; where netlink is missing the answer is empty.
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ip.h"

namespace fairlead::agent::nat {

inline constexpr std::size_t kMaxDumpBytes = 8u << 20;  // a router with a full table: its default route comes first

struct LinkInfo {
  unsigned index = 0;
  std::string name;
  std::string kind;  // IFLA_INFO_KIND: "wireguard", "bridge", "veth"; empty for hardware
  bool up = false;
  bool loopback = false;
  bool tunnel = false;  // by its hardware type: ARPHRD_TUNNEL and its kin
  bool operator==(const LinkInfo&) const = default;
};

struct AddressInfo {
  unsigned index = 0;
  IpAddress address;
  Cidr on_link;        // what is attached there; of a point-to-point link its other end
  bool usable = true;  // not temporary, deprecated, tentative or taken by another host
  bool operator==(const AddressInfo&) const = default;
};

struct DefaultRoute {
  bool v4 = true;
  unsigned index = 0;
  IpAddress gateway;    // unspecified: none
  IpAddress preferred;  // source address; unspecified: none is set
  std::uint32_t metric = 0;
  bool operator==(const DefaultRoute&) const = default;
};

struct NetworkDump {
  std::vector<LinkInfo> links;
  std::vector<AddressInfo> addresses;
  std::vector<DefaultRoute> routes;  // of the main table alone
};

// Adds what a datagram of netlink messages says; other messages, and what is malformed or cut off, are left out.
// `end`: the kernel has nothing more to say (NLMSG_DONE, NLMSG_ERROR).
enum class DumpState { more, end };
DumpState parse_netlink(ByteView datagram, NetworkDump& into);

// Blocks for milliseconds.
NetworkDump read_network();

}  // namespace fairlead::agent::nat
