"""The NAT laboratory: an internet, a rendezvous, a client, routers of every kind and a home behind them, on one machine.

  client 203.0.113.20 --+                                                  (2a01:db80:f::/64)
  rv     203.0.113.10 --+-- internet --25.1.0.0/24-- router --192.168.1.0/24-- home 192.168.1.10
         203.0.113.11   |   (bridge)    25.1.0.2            (2a01:db80:1::/64)

Hosts are network namespaces (natlab_netns) that die with this process; a topology comes up in a tenth of a second. 25.1.0.0/24
is no reserved block, because gateways refuse to work with a reserved outside address, and neither is 2a01:db80::/32; neither
ever leaves the namespaces. Topologies are the methods of NatLab from `plain` on.
"""
import pathlib
import shutil
import tempfile

from natlab_igd import Miniupnpd
from natlab_netns import Namespace, link
from natlab_router import Router

RV, RV_SECOND, CLIENT = "203.0.113.10", "203.0.113.11", "203.0.113.20"
WAN, WAN_RENUMBERED, WAN_GATEWAY = "25.1.0.2", "25.1.0.3", "25.1.0.1"
SOMEBODY_ELSE = "25.1.0.77"  # public, and nobody's
HOME, LAN_GATEWAY = "192.168.1.10", "192.168.1.1"
RV6, CLIENT6 = "2a01:db80:f::10", "2a01:db80:f::20"
HOME6, LAN_GATEWAY6 = "2a01:db80:1::10", "fe80::1"
PROTOCOLS = ("pcp", "nat_pmp", "upnp")


class NatLab:
    def __init__(self, topology=None, **options):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="natlab-"))
        self.hosts, self.gateways = [], []
        self.router = self.outer = None
        self.internet = self.host("internet")
        self.internet.sysctl("ipv4/ip_forward", 1)
        self.internet.sysctl("ipv6/conf/all/forwarding", 1)
        # Two networks on one bridge are told apart by routing alone: no hints about shorter ways.
        self.internet.sysctl("ipv4/conf/all/send_redirects", 0)
        self.internet.sysctl("ipv4/conf/default/send_redirects", 0)
        self.internet.ip("link add bridge type bridge", "link set bridge up", f"address add {WAN_GATEWAY}/24 dev bridge",
                         "address add 203.0.113.1/24 dev bridge", "address add 2a01:db80:f::1/64 dev bridge",
                         "address add 2a01:db80::1/64 dev bridge")
        self.rv, self.client = self.host("rv"), self.host("client")
        self.plug_in(self.rv, "eth0", f"{RV}/24", f"{RV_SECOND}/24", f"{RV6}/64")
        self.plug_in(self.client, "eth0", f"{CLIENT}/24", f"{CLIENT6}/64")
        for host in (self.rv, self.client):
            host.ip("route add default via 203.0.113.1", "route add default via 2a01:db80:f::1")
        self.home = self.host("home")
        if topology:
            self.topology(topology, **options)

    def host(self, name):
        namespace = Namespace(name)
        namespace.sysctl("ipv6/conf/default/accept_dad", 0)  # or an address takes two seconds to be usable
        namespace.sysctl("ipv6/conf/default/accept_ra", 0)
        self.hosts.append(namespace)
        return namespace

    def plug_in(self, host, interface, *addresses):
        """Connects a host to the internet's bridge."""
        link(self.internet, host.name, host, interface)
        self.internet.ip(f"link set {host.name} master bridge")
        if addresses:
            host.ip(*(f"address add {address} dev {interface}" for address in addresses))

    def topology(self, name, **options):
        """By name, so that tests can be written once for many."""
        if name not in TOPOLOGIES:
            raise ValueError(f"no topology {name}: {', '.join(sorted(TOPOLOGIES))}")
        getattr(self, name)(**options)
        return self

    # Topologies.

    def plain(self):
        """No NAT: the home host has the public address itself."""
        self.plug_in(self.home, "eth0", f"{WAN}/24")
        self.home.ip(f"route add default via {WAN_GATEWAY}")

    def nat(self, symmetric=False, ipv6=False):
        """A NAT that forwards nothing for anybody. symmetric: another outside port for every connection, at random."""
        router = self.host("router")
        self.plug_in(router, "wan")
        self.router = Router(router, f"{WAN}/24", WAN_GATEWAY, self.plug_home_in(router), symmetric)
        if ipv6:
            self.add_ipv6()

    def igd(self, protocols=PROTOCOLS, version=2, external=None, ipv6=False):
        """A NAT with miniupnpd, of whose protocols only those named are heard. external: the address it claims to have."""
        self.nat(ipv6=ipv6)
        self.run_igd(self.router, version=version, external=external)
        self.router.mute(*(protocol for protocol in PROTOCOLS if protocol not in protocols))

    def lying(self, external=None):
        """A gateway that confirms everything, with its own address or another, and forwards nothing."""
        self.igd(external=external)
        self.router.lie()

    def silent(self):
        """A gateway that answers nothing at all, not even that nobody listens."""
        self.nat()
        self.router.mute(*PROTOCOLS)

    def double_nat(self):
        """A router with an IGD behind another one, which has none."""
        self.behind_another("10.0.0.1/24", "10.0.0.2/24")

    def cgnat(self):
        """The same, the outer one being the provider's (RFC 6598)."""
        self.behind_another("100.64.0.1/24", "100.64.0.2/24")

    def pinhole(self, protocols=("pcp", "upnp")):
        """IPv4 as in `nat`; IPv6 without NAT, through a firewall that opens when it is asked."""
        self.nat(ipv6=True)
        self.run_igd(self.router)
        self.router.mute("ipv4", *(protocol for protocol in ("pcp", "upnp") if protocol not in protocols))

    def scripted(self, gateway, **options):
        """A NAT with a gateway of natlab_scripted; returns nothing: it is `gateway` afterwards."""
        self.nat()
        self.gateway = gateway(self.router, **options)
        self.gateway.start()
        self.gateways.append(self.gateway)

    # Parts.

    def behind_another(self, lan, wan):
        outer, inner = self.host("outer"), self.host("router")
        self.plug_in(outer, "wan")
        link(outer, "lan", inner, "wan")
        self.outer = Router(outer, f"{WAN}/24", WAN_GATEWAY, lan)
        self.router = Router(inner, wan, lan.split("/")[0], self.plug_home_in(inner))
        self.run_igd(self.router)

    def plug_home_in(self, router):
        """The cable between the two; returns what the router's end is to be called."""
        link(router, "lan", self.home, "eth0")
        self.home.ip(f"address add {HOME}/24 dev eth0", f"route add default via {LAN_GATEWAY}")
        return f"{LAN_GATEWAY}/24"

    def run_igd(self, router, **options):
        router.igd = Miniupnpd(router, self.dir, **options)
        router.igd.start()
        self.gateways.append(router.igd)

    def add_ipv6(self):
        router = self.router.namespace
        router.sysctl("ipv6/conf/all/forwarding", 1)
        router.ip("address add 2a01:db80::2/64 dev wan", "address add 2a01:db80:1::1/64 dev lan",
                  f"address add {LAN_GATEWAY6}/64 dev lan", "route add default via 2a01:db80::1")
        self.internet.ip("route add 2a01:db80:1::/64 via 2a01:db80::2")
        self.home.ip(f"address add {HOME6}/64 dev eth0", f"route add default via {LAN_GATEWAY6} dev eth0")

    # The end.

    def close(self, failed=False):
        for gateway in self.gateways:
            gateway.stop()
        for log in sorted(self.dir.glob("*.log")) if failed else []:
            print(f"---- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-40:]))
        for host in self.hosts:
            host.close()
        shutil.rmtree(self.dir, ignore_errors=True)


TOPOLOGIES = {"plain", "nat", "igd", "lying", "silent", "double_nat", "cgnat", "pinhole", "scripted"}
