#include "agent/nat/uplinks.h"

#include "common/net/socket.h"
#include "tests/support/doctest.h"

namespace fairlead::agent::nat {
namespace {

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

AddressInfo address(unsigned index, const char* text, int prefix) {
  return {.index = index, .address = ip(text), .on_link = {ip(text), prefix}};
}

LinkInfo link(unsigned index, const char* name, const char* kind = "") {
  return {.index = index, .name = name, .kind = kind, .up = true};
}

DefaultRoute route(unsigned index, const char* gateway, std::uint32_t metric = 0) {
  const IpAddress via = ip(gateway);
  const IpAddress none = via.is_v4() ? IpAddress() : IpAddress::v6({});
  return {.v4 = via.is_v4(), .index = index, .gateway = via, .preferred = none, .metric = metric};
}

NetworkDump home() {
  return {.links = {link(2, "eth0"), link(3, "wlan0")},
          .addresses = {address(2, "192.168.1.10", 24), address(3, "192.168.1.11", 24), address(2, "fe80::5", 64),
                        address(2, "fd00::10", 64), address(2, "2a01:db80:1::10", 64)},
          .routes = {route(3, "192.168.1.1", 600), route(2, "192.168.1.1", 100), route(2, "fe80::1", 1024)}};
}

std::string shown(const NetworkDump& dump, const std::vector<std::string>& interfaces = {}) {
  std::string out;
  for (const Uplink& uplink : choose_uplinks(dump, interfaces)) {
    out += uplink.interface + " " + uplink.local.to_string() + " via " + uplink.gateway.to_string() + "; ";
  }
  return out;
}

TEST_CASE("default routes of both families, the best metric first") {
  CHECK(shown(home()) ==
        "eth0 192.168.1.10 via 192.168.1.1; wlan0 192.168.1.11 via 192.168.1.1; eth0 2a01:db80:1::10 via fe80::1; ");
  CHECK(shown(home(), {"wlan0"}) == "wlan0 192.168.1.11 via 192.168.1.1; ");
  CHECK(shown(home(), {"eth1"}).empty());
  CHECK(shown({}).empty());
}

TEST_CASE("the address: the route's own, then one of the gateway's network, then any") {
  NetworkDump dump = home();
  dump.addresses.insert(dump.addresses.begin(), address(2, "10.9.9.9", 8));
  CHECK(choose_uplinks(dump, {"eth0"})[0].local == ip("192.168.1.10"));
  dump.addresses.push_back(address(2, "192.168.1.200", 24));
  dump.routes[1].preferred = ip("192.168.1.200");
  CHECK(choose_uplinks(dump, {"eth0"})[0].local == ip("192.168.1.200"));
  dump.routes[1].gateway = ip("172.16.0.1");
  dump.routes[1].preferred = IpAddress();
  CHECK(choose_uplinks(dump, {"eth0"})[0].local == ip("10.9.9.9"));
}

TEST_CASE("an IPv6 address that goes away or is not for outside is not used") {
  NetworkDump dump = home();
  dump.addresses.back().usable = false;
  CHECK(choose_uplinks(dump, {"eth0"}).back().local == ip("fd00::10"));
  dump.addresses.pop_back();
  dump.addresses.pop_back();
  CHECK(shown(dump, {"eth0"}) == "eth0 192.168.1.10 via 192.168.1.1; ");
}

TEST_CASE("no address, no uplink; nor on a link that is down, or loopback") {
  NetworkDump dump = home();
  dump.links[0].up = false;
  CHECK(shown(dump) == "wlan0 192.168.1.11 via 192.168.1.1; ");
  dump.links[0].up = true;
  dump.links[0].loopback = true;
  CHECK(shown(dump, {"eth0"}).empty());
  dump.links.erase(dump.links.begin());
  CHECK(shown(dump) == "wlan0 192.168.1.11 via 192.168.1.1; ");
}

TEST_CASE("tunnels and container bridges are skipped unless they are named") {
  for (const auto& [name, kind] :
       {std::pair("wg0", "wireguard"), std::pair("tun0", "tun"), std::pair("sit1", "sit"), std::pair("gre1", "gre"),
        std::pair("tunl0", "ipip"), std::pair("docker0", "bridge"), std::pair("br-0123456789ab", "bridge"),
        std::pair("virbr0", "bridge"), std::pair("lxcbr0", "bridge"), std::pair("cni0", "bridge"),
        std::pair("podman1", "bridge")}) {
    CAPTURE(name);
    NetworkDump dump = home();
    dump.links[0] = link(2, name, kind);
    CHECK(shown(dump) == "wlan0 192.168.1.11 via 192.168.1.1; ");
    CHECK_FALSE(shown(dump, {name}).empty());
  }
  for (const auto& [name, kind] :
       {std::pair("eth0", "veth"), std::pair("br-lan", "bridge"), std::pair("br0", "bridge"), std::pair("ppp0", "ppp"),
        std::pair("eth0.7", "vlan"), std::pair("docker0", "veth")}) {
    CAPTURE(name);
    CHECK_FALSE(is_skipped(link(2, name, kind)));
  }
  LinkInfo fallback = link(2, "ip6tnl0");
  fallback.tunnel = true;
  CHECK(is_skipped(fallback));
}

TEST_CASE("a route without a gateway, and a global address without a route") {
  NetworkDump dump{
      .links = {link(4, "ppp0", "ppp"), link(5, "eth1")},
      .addresses = {address(4, "25.1.0.2", 32), address(5, "2a01:db80:2::5", 64), address(5, "10.0.0.5", 8)},
      .routes = {route(4, "0.0.0.0")}};
  CHECK(shown(dump) == "ppp0 25.1.0.2 via 0.0.0.0; eth1 2a01:db80:2::5 via ::; ");
}

TEST_CASE("an IPv4 route over an IPv6 neighbour has nobody to ask") {
  NetworkDump dump = home();
  dump.routes = {{.v4 = true, .index = 2, .gateway = ip("fe80::1"), .preferred = IpAddress(), .metric = 0}};
  CHECK(shown(dump, {"eth0"}) == "eth0 192.168.1.10 via 0.0.0.0; eth0 2a01:db80:1::10 via ::; ");
}

TEST_CASE("one line for one way, and no more than there may be") {
  NetworkDump dump = home();
  dump.routes.push_back(dump.routes[0]);
  CHECK(choose_uplinks(dump, {}).size() == 3);
  for (unsigned i = 0; i < 2 * kMaxUplinks; ++i) {
    dump.routes.push_back(route(2, ("192.168.1." + std::to_string(100 + i)).c_str(), 5000 + i));
  }
  const auto uplinks = choose_uplinks(dump, {});
  CHECK(uplinks.size() == kMaxUplinks);
  CHECK(uplinks.front().metric == 100);
}

TEST_CASE("who is a neighbour") {
  const Uplink uplink{.interface = "eth0", .index = 2, .local = ip("192.168.1.10"), .gateway = ip("10.255.0.1")};
  const std::vector<Cidr> networks = on_link_networks(home(), 2);
  CHECK(is_on_link(ip("192.168.1.77"), uplink, networks));
  CHECK(is_on_link(ip("10.255.0.1"), uplink, networks));
  CHECK(is_on_link(ip("fe80::77"), uplink, networks));
  CHECK(is_on_link(ip("2a01:db80:1::77"), uplink, networks));
  CHECK_FALSE(is_on_link(ip("192.168.1.10"), uplink, networks));  // this host itself
  CHECK_FALSE(is_on_link(ip("192.168.2.1"), uplink, networks));
  CHECK_FALSE(is_on_link(ip("127.0.0.1"), uplink, networks));
  CHECK_FALSE(is_on_link(ip("::1"), uplink, networks));
  CHECK_FALSE(is_on_link(ip("0.0.0.0"), uplink, networks));
  CHECK_FALSE(is_on_link(ip("169.254.169.254"), uplink, networks));
  CHECK_FALSE(is_on_link(ip("8.8.8.8"), uplink, networks));
}

}  // namespace
}  // namespace fairlead::agent::nat
