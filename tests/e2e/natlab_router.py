"""A home router: NAT and packet filter (nftables), and what it can be told to do to the people behind it.

Interfaces: `lan`, and `wan` with an address that may be public or not; addresses with their prefix lengths. Which gateway
protocols it speaks is decided beside it: natlab_igd.py (miniupnpd), natlab_scripted.py (devices as odd as they exist).
"""
import dataclasses
import ipaddress
import json

# Chains that miniupnpd fills are kept apart from ours (`manual*`), so that both can be emptied alone.
RULES = """
table inet filter {
  chain miniupnpd { }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain manual { }
  chain manual_nat { }
  chain expired { }
  chain gateway_filter { }
  chain input {
    type filter hook input priority 0; policy accept;
    iifname lan jump gateway_filter
    iifname wan ct state established,related accept
    iifname wan meta l4proto { icmp, ipv6-icmp } accept
    iifname wan drop
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    jump expired
    ct state established,related accept
    iifname lan accept
    jump miniupnpd
    jump manual
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname wan jump prerouting_miniupnpd
    iifname wan jump manual_nat
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    jump postrouting_miniupnpd
    meta nfproto ipv4 oifname wan masquerade MASQUERADE
  }
}
"""
# How gateway packets from the LAN are told apart: NAT-PMP has version 0 in its first byte, PCP 2.
FILTERS = {
    "pcp": "udp dport 5351 @th,64,8 2 drop",
    "nat_pmp": "udp dport 5351 @th,64,8 0 drop",
    "upnp": "udp dport 1900 drop; tcp dport 5555 drop",
    "ipv4": "meta nfproto ipv4 udp dport { 5351, 1900 } drop; meta nfproto ipv4 tcp dport 5555 drop",
}
IPV6_DESTINATION = ("nh", 192, 128)
EXPIRED = {
    "drop": "meta l4proto tcp ct state invalid drop",
    "reset": "meta l4proto tcp ct state invalid reject with tcp reset",
}


@dataclasses.dataclass(frozen=True)
class Mapping:
    """One forwarded port, as the packet filter has it: what a router's list says may be a lie, this is not."""
    external: int
    host: str
    internal: int


class Router:
    def __init__(self, namespace, wan, wan_gateway, lan, symmetric=False):
        self.namespace, self.wan, self.wan_gateway = namespace, wan, wan_gateway
        self.lan = lan.split("/")[0]
        self.igd = None
        namespace.sysctl("ipv4/ip_forward", 1)
        namespace.ip(f"address add {lan} dev lan", f"address add {wan} dev wan", f"route add default via {wan_gateway}")
        namespace.nft(RULES.replace("MASQUERADE", "fully-random" if symmetric else ""))

    @property
    def address(self):
        """Its outside address."""
        return self.wan.split("/")[0]

    # Mappings.

    def rules(self, chain):
        answer = self.namespace.run(["nft", "--json", "list", "chain", "inet", "filter", chain])
        return [item["rule"]["expr"] for item in json.loads(answer.stdout)["nftables"] if "rule" in item]

    def mappings(self):
        """Every forwarded TCP port, sorted."""
        found = [mapping_of(rule) for chain in ("prerouting_miniupnpd", "manual_nat") for rule in self.rules(chain)]
        return sorted(filter(None, found), key=lambda mapping: mapping.external)

    def pinholes(self):
        """[(IPv6 address, port)] that the packet filter lets in."""
        found = [(value_of(rule, IPV6_DESTINATION), value_of(rule, "dport")) for rule in self.rules("miniupnpd")]
        return sorted((str(ipaddress.IPv6Address(int(host, 16))), port) for host, port in found if host)

    def forward(self, external, host, internal):
        """A forwarding of the router's own, as by its web page."""
        self.namespace.nft(f"add rule inet filter manual_nat tcp dport {external} dnat ip to {host}:{internal}\n"
                           f"add rule inet filter manual ip daddr {host} tcp dport {internal} accept\n")

    def unforward(self, external):
        """Forgets one of those; existing connections stay."""
        kept = [mapping for mapping in map(mapping_of, self.rules("manual_nat")) if mapping and mapping.external != external]
        self.namespace.nft("flush chain inet filter manual_nat\nflush chain inet filter manual\n")
        for mapping in kept:
            self.forward(mapping.external, mapping.host, mapping.internal)

    def flush_mappings(self):
        """Loses every mapping and says nothing."""
        chains = ["miniupnpd", "prerouting_miniupnpd", "postrouting_miniupnpd", "manual", "manual_nat"]
        self.namespace.nft("".join(f"flush chain inet filter {chain}\n" for chain in chains))

    # What happens to routers.

    def restart(self):
        """Power off and on: mappings, tracked connections and the gateway's epoch begin anew."""
        self.namespace.forget_connections()
        self.restart_gateway()

    def restart_gateway(self):
        """Only what speaks PCP and UPnP ends and begins anew, its mappings lost."""
        if self.igd:
            self.igd.stop()
        self.flush_mappings()
        if self.igd:
            self.igd.start()

    def renumber_wan(self, address):
        """The provider hands out another outside address; masqueraded connections of the old one are gone."""
        self.namespace.ip(f"address delete {self.wan} dev wan", f"address add {address} dev wan",
                          f"route replace default via {self.wan_gateway}")
        self.wan = address

    def expire_idle(self, how):
        """Forgets the connections it tracks and does not take them up again: `drop` is a black hole, `reset` says so."""
        self.namespace.sysctl("netfilter/nf_conntrack_tcp_loose", 0)
        self.namespace.nft(f"flush chain inet filter expired\nadd rule inet filter expired {EXPIRED[how]}\n")
        self.namespace.forget_connections()

    def lie(self):
        """From now on every mapping is confirmed and none does anything."""
        self.namespace.nft("flush chain inet filter prerouting\n")

    def mute(self, *protocols):
        """Gateway packets of these kinds (see FILTERS) from the LAN are dropped; no kind: hears everything again."""
        rules = [rule for protocol in protocols for rule in FILTERS[protocol].split("; ")]
        self.namespace.nft("flush chain inet filter gateway_filter\n" +
                           "".join(f"add rule inet filter gateway_filter {rule}\n" for rule in rules))


def value_of(rule, field):
    """What a rule compares a field of the packet with; IPv6_DESTINATION is how miniupnpd writes that one."""
    for statement in rule:
        left = statement.get("match", {}).get("left")
        payload = left.get("payload", {}) if isinstance(left, dict) else {}
        if field in (payload.get("field"), (payload.get("base"), payload.get("offset"), payload.get("len"))):
            return statement["match"]["right"]
    return None


def mapping_of(rule):
    port = value_of(rule, "dport")
    target = next((statement["dnat"] for statement in rule if "dnat" in statement), None)
    if port is None or target is None:
        return None
    return Mapping(port, str(ipaddress.ip_address(target["addr"])), target.get("port", port))
