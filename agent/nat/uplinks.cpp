#include "agent/nat/uplinks.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "common/base/ip_scope.h"

namespace fairlead::agent::nat {
namespace {

constexpr std::string_view kTunnelKinds[] = {"tun",  "wireguard", "gre",  "gretap", "ip6gre", "ip6gretap", "ipip",
                                             "sit",  "ip6tnl",    "vti",  "vti6",   "xfrm",   "geneve",    "vxlan",
                                             "ovpn", "ovpn-dco",  "l2tp", "erspan", "bareudp"};
constexpr std::string_view kContainerBridges[] = {"docker", "cni", "virbr", "lxc", "lxd", "incus", "podman", "kube"};
constexpr std::string_view kDockerNetwork = "br-";  // and twelve digits of its id; OpenWrt's "br-lan" is no such thing
constexpr std::size_t kDockerNetworkDigits = 12;
constexpr std::uint32_t kNoRouteMetric = std::numeric_limits<std::uint32_t>::max();

bool is_container_bridge(std::string_view name) {
  if (std::ranges::any_of(kContainerBridges, [&](std::string_view prefix) { return name.starts_with(prefix); })) {
    return true;
  }
  if (!name.starts_with(kDockerNetwork)) return false;
  name.remove_prefix(kDockerNetwork.size());
  return name.size() == kDockerNetworkDigits && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

const LinkInfo* find_link(const NetworkDump& dump, unsigned index, const std::vector<std::string>& interfaces) {
  const auto link = std::ranges::find(dump.links, index, &LinkInfo::index);
  if (link == dump.links.end() || !link->up || link->loopback) return nullptr;
  const bool wanted = interfaces.empty() ? !is_skipped(*link) : std::ranges::count(interfaces, link->name) > 0;
  return wanted ? &*link : nullptr;
}

// How well an address serves as ours on a route; 0: not at all.
int fitness(const AddressInfo& info, const DefaultRoute& route) {
  if (!info.usable || info.address.is_v4() != route.v4) return 0;
  const IpScope scope = scope_of(info.address);
  if (scope == IpScope::loopback || scope == IpScope::link_local) return 0;
  if (info.address == route.preferred) return 4;
  if (!route.v4) return scope == IpScope::private_use ? 1 : 2;  // RFC 4193 addresses are for inside
  return info.on_link.contains(route.gateway) ? 2 : 1;
}

const AddressInfo* find_address(const NetworkDump& dump, const DefaultRoute& route) {
  const AddressInfo* best = nullptr;
  for (const AddressInfo& info : dump.addresses) {
    if (info.index != route.index || fitness(info, route) == 0) continue;
    if (best == nullptr || fitness(info, route) > fitness(*best, route)) best = &info;
  }
  return best;
}

IpAddress none_like(const IpAddress& address) {
  return address.is_v4() ? IpAddress() : IpAddress::v6({});
}

bool has_route(const std::vector<Uplink>& uplinks, const AddressInfo& info) {
  return std::ranges::any_of(uplinks, [&](const Uplink& uplink) {
    return uplink.index == info.index && uplink.local.is_v4() == info.address.is_v4();
  });
}

}  // namespace

bool is_skipped(const LinkInfo& link) {
  if (link.tunnel || std::ranges::count(kTunnelKinds, std::string_view(link.kind)) > 0) return true;
  return link.kind == "bridge" && is_container_bridge(link.name);
}

std::vector<Uplink> choose_uplinks(const NetworkDump& dump, const std::vector<std::string>& interfaces) {
  std::vector<Uplink> out;
  for (const DefaultRoute& route : dump.routes) {
    const LinkInfo* link = find_link(dump, route.index, interfaces);
    const AddressInfo* address = link != nullptr ? find_address(dump, route) : nullptr;
    if (address == nullptr) continue;
    // An IPv4 route may lead over an IPv6 neighbour (RFC 9229): nobody there to ask for IPv4 ports.
    const bool other_family = route.gateway.is_v4() != route.v4;
    const Uplink uplink{.interface = link->name,
                        .index = link->index,
                        .local = address->address,
                        .gateway = other_family ? none_like(address->address) : route.gateway,
                        .metric = route.metric};
    const bool known = std::ranges::any_of(out, [&](const Uplink& other) {
      return other.index == uplink.index && other.local == uplink.local && other.gateway == uplink.gateway;
    });
    if (!known) out.push_back(uplink);
  }
  // A global address may be routed by a rule of its own, without a default route in the main table.
  for (const AddressInfo& info : dump.addresses) {
    const LinkInfo* link = find_link(dump, info.index, interfaces);
    if (link == nullptr || !info.usable || scope_of(info.address) != IpScope::global || has_route(out, info)) continue;
    out.push_back({link->name, link->index, info.address, none_like(info.address), kNoRouteMetric});
  }
  std::ranges::sort(out, {},
                    [](const Uplink& uplink) { return std::tuple(uplink.metric, uplink.index, uplink.gateway); });
  if (out.size() > kMaxUplinks) out.resize(kMaxUplinks);
  return out;
}

std::vector<Uplink> find_uplinks(const std::vector<std::string>& interfaces) {
  return choose_uplinks(read_network(), interfaces);
}

std::vector<Cidr> on_link_networks(const NetworkDump& dump, unsigned index) {
  std::vector<Cidr> out;
  for (const AddressInfo& info : dump.addresses) {
    if (info.index == index) out.push_back(info.on_link);
  }
  return out;
}

bool is_on_link(const IpAddress& address, const Uplink& uplink, const std::vector<Cidr>& networks) {
  const IpScope scope = scope_of(address);
  if (scope == IpScope::loopback || scope == IpScope::unspecified || scope == IpScope::multicast) return false;
  if (address == uplink.local) return false;
  if (address == uplink.gateway) return true;
  // IPv4's link-local block is attached only where an address says so: 169.254.169.254 is a cloud's metadata service.
  if (scope == IpScope::link_local && !address.is_v4()) return true;
  return std::ranges::any_of(networks, [&](const Cidr& block) { return block.contains(address); });
}

}  // namespace fairlead::agent::nat
