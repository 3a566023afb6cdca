"""Direct endpoints: reached where a port can be mapped, never published where nothing arrives, repaired when routers fail.

Everything happens in the NAT laboratory (natlab.py); what is published is what `status services` of the rendezvous says.
"""
import signal

from client import client_hello
from harness import needs_netns, wait_until
from natlab import HOME6, LAN_GATEWAY, RV, RV6, SOMEBODY_ELSE, WAN, WAN_RENUMBERED
from natlab_igd import needs_miniupnpd
from natlab_mesh import RV_PORT, HeldConnection, NatTest, NeverDirect, SteadyClient, endpoint

ALERT_ACCESS_DENIED = 49
GONE_WITHIN = 5  # with verify_probe = "2s"
QUICK = {"limits": {"ping_interval": "2s"}}  # the agent notices a dead session this soon


@needs_netns
@needs_miniupnpd
class DirectReached(NatTest):
    """Where a port can be mapped, clients outside reach the service without the relay."""

    def check(self, topology, method, mapping="auto", **options):
        self.lab.topology(topology, **options)
        self.start_cast(mapping=mapping)
        address = self.wait_direct()
        self.assertEqual(endpoint(address)[0], WAN)
        seen = self.assert_serves(address)
        self.assertEqual(self.path(), "direct")
        relay = [row["address"] for row in self.rows("relay")]
        self.assertIn(f"{RV}:{RV_PORT}", relay)
        self.assertEqual([row["path"] for row in self.rows()][0], "direct")
        self.assert_serves(relay[0])
        (mapping,) = [mapping for mapping in self.agent.status()["mappings"] if mapping["verified"]]
        self.assertEqual((mapping["protocol"], mapping["external"]), (method, address))
        return address, mapping, seen

    def check_mapped(self, method, **kwargs):
        address, report, _ = self.check("igd", method, **kwargs)
        (real,) = self.mappings()
        self.assertEqual(endpoint(address), (WAN, real.external))
        self.assertEqual(endpoint(report["internal"])[1], real.internal)
        self.assertIn(LAN_GATEWAY, report["gateway"])

    def test_igd_with_every_protocol(self):
        self.check_mapped("pcp")

    def test_pcp_alone(self):
        self.check_mapped("pcp", protocols=["pcp"])

    def test_nat_pmp_alone(self):
        self.check_mapped("nat_pmp", protocols=["nat_pmp"])

    def test_upnp_alone(self):
        self.check_mapped("upnp", protocols=["upnp"])

    def test_igd_of_the_first_generation(self):
        self.check_mapped("upnp", protocols=["upnp"], version=1)

    def test_configuration_chooses_the_protocol(self):
        self.check_mapped("nat_pmp", mapping=["nat_pmp"])

    def test_host_with_a_public_address(self):
        self.check("plain", "host")

    def test_half_close_right_behind_the_hello(self):
        self.lab.topology("igd")
        self.start_cast()
        caller = self.caller(self.wait_direct())
        for _ in range(10):
            self.assertTrue(caller.is_answered_after_ending(client_hello("web.home")))

    def test_name_that_is_not_served_gets_no_further(self):
        self.lab.topology("igd")
        self.start_cast()
        caller = self.caller(self.wait_direct())
        self.assertEqual(caller.alert_for(client_hello("other.home")), 112)
        self.assertIsNone(caller.alert_for(b"GET / HTTP/1.1\r\n\r\n"))
        self.assertEqual(self.service.records(event="connection"), [])


@needs_netns
@needs_miniupnpd
class DirectNever(NatTest):
    """Where nothing arrives, nothing direct is ever published and the relay serves from the first second."""

    def check(self, topology, codes, **options):
        self.lab.topology(topology, **options)
        self.start_rendezvous()
        self.start_service()
        with NeverDirect(self) as watch:
            self.start_agent()
            self.assertEqual(self.path(), "relay")
            self.assert_serves(f"{RV}:{RV_PORT}")
            wait_until(lambda: self.reason() in codes, f"the agent says one of {codes}", 20)
            looks = watch.looks
            wait_until(lambda: watch.looks > looks + 5 or watch.problem, "the list was looked at again")
        self.assertEqual(self.path(), "relay")
        self.assert_serves(f"{RV}:{RV_PORT}")

    def reason(self):
        """Why the path is not direct, as the agent's status tells."""
        state = self.agent.status()
        return state["services"][0]["reason"] if state else None

    def test_nat_without_mapping(self):
        self.check("nat", {"no_port_mapping"})

    def test_symmetric_nat_without_mapping(self):
        self.check("nat", {"no_port_mapping"}, symmetric=True)

    def test_silent_gateway(self):
        self.check("silent", {"no_port_mapping"})

    def test_gateway_that_lies(self):
        self.check("lying", {"mapping_unreachable", "gateway_lies", "verify_failed"})

    def test_gateway_that_lies_about_its_address(self):
        self.check("lying", {"mapping_unreachable", "gateway_lies", "candidate_unproved"}, external=SOMEBODY_ELSE)

    def test_double_nat(self):
        self.check("double_nat", {"double_nat", "gateway_wan_down"})

    def test_cgnat(self):
        self.check("cgnat", {"cgnat", "gateway_wan_down"})

    def test_mapping_switched_off(self):
        self.lab.topology("igd")
        with_nothing = self.lab.router.mappings()
        self.start_cast(mapping="off")
        self.assert_serves(f"{RV}:{RV_PORT}")
        self.assertEqual(self.mappings(), with_nothing)
        self.assertEqual(self.live_direct(), [])


@needs_netns
@needs_miniupnpd
class DirectRepaired(NatTest):
    """Routers restart, forget and move; clients that follow the published list never fail."""

    TOPOLOGY = "igd"

    def check(self, befall, again=WAN, keeps_relayed=True, tables=QUICK):
        self.start_cast(tables=tables)
        before = self.wait_direct()
        held = HeldConnection(self.caller())
        self.addCleanup(held.close)
        with SteadyClient(self) as client:
            client.wait_opened(3)
            befall()
            wait_until(lambda: before not in self.live_direct() or self.repaired(again), "the dead address is gone", GONE_WITHIN)
            client.wait_opened(3)
            # A dial that began before the repair may fail after it, and take the repaired address away once more.
            direct_again = lambda: self.repaired(again) and client.opened[-3:] == ["direct"] * 3
            wait_until(lambda: direct_again() or client.problem, f"clients go directly again, to {again}", 60)
        self.assertEqual(client.opened[0], "direct")
        if keeps_relayed:
            self.assertTrue(held.alive())
        self.assert_serves(self.wait_direct())

    def repaired(self, host):
        """Whether the mapped port of this outside address is published and really forwarded."""
        ports = {mapping.external for mapping in self.mappings()}
        return any(endpoint(address)[0] == host and endpoint(address)[1] in ports for address in self.live_direct())

    def test_router_restart(self):
        # Without power it forgets its connections, too: what comes from outside is dropped until home speaks.
        self.check(self.lab.router.restart, keeps_relayed=False)

    def test_gateway_daemon_restart(self):
        self.check(self.lab.router.restart_gateway)

    def test_mapping_deleted_behind_the_agents_back(self):
        self.check(self.lab.router.flush_mappings)

    def test_renumbered(self):
        """With the usual pings: the gateway's announcement is what tells the agent that its session is dead."""
        self.check(lambda: self.lab.router.renumber_wan(f"{WAN_RENUMBERED}/24"), WAN_RENUMBERED, keeps_relayed=False, tables={})

    def test_dead_address_is_withdrawn_while_the_router_stays_dead(self):
        self.start_cast(tables=QUICK)
        self.wait_direct()
        self.lab.router.mute("pcp", "nat_pmp", "upnp")
        self.lab.router.flush_mappings()
        self.wait_relay(GONE_WITHIN)
        wait_until(lambda: self.path() == "relay", "the agent knows", GONE_WITHIN)
        self.assert_serves(f"{RV}:{RV_PORT}")
        self.lab.router.mute()
        self.wait_direct(60)

    def test_idle_connections_forgotten_by_the_router(self):
        for how in ("drop", "reset"):
            with self.subTest(how=how):
                if not hasattr(self, "agent"):
                    self.start_cast(tables=QUICK)
                address = self.wait_direct(60)
                self.lab.router.expire_idle(how)
                # The session comes back by itself; what is direct needs it only to be published.
                wait_until(lambda: self.rows("relay", "live") and self.live_direct(), "both paths are back", 60)
                self.assert_serves(address)
                self.assert_serves(f"{RV}:{RV_PORT}")


@needs_netns
@needs_miniupnpd
class DirectEnds(NatTest):
    """An agent that ends, in whatever way, leaves no forwarding behind that its next start would not remove."""

    TOPOLOGY = "igd"

    def check_ends(self, *protocols):
        self.lab.router.mute(*({"pcp", "nat_pmp", "upnp"} - set(protocols)))
        self.start_cast()
        self.wait_direct()
        self.assertEqual(len(self.mappings()), 1)
        self.agent.stop()
        self.assertEqual(self.mappings(), [])
        self.assertEqual(self.live_direct(), [])

    def check_killed(self, *protocols):
        self.lab.router.mute(*({"pcp", "nat_pmp", "upnp"} - set(protocols)))
        self.start_cast()
        self.wait_direct()
        (before,) = self.mappings()
        self.agent.kill()
        self.assertEqual(self.mappings(), [before])
        self.restart_agent()
        self.wait_direct()
        (after,) = self.mappings()
        self.assertEqual(after.external, before.external)
        self.agent.stop()
        self.assertEqual(self.mappings(), [])

    def test_sigterm_with_pcp(self):
        self.check_ends("pcp")

    def test_sigterm_with_nat_pmp(self):
        self.check_ends("nat_pmp")

    def test_sigterm_with_upnp(self):
        self.check_ends("upnp")

    def test_killed_with_pcp(self):
        self.check_killed("pcp")

    def test_killed_with_nat_pmp(self):
        self.check_killed("nat_pmp")

    def test_killed_with_upnp(self):
        self.check_killed("upnp")

    def test_ends_while_the_gateway_is_silent(self):
        self.start_cast()
        self.wait_direct()
        self.lab.router.mute("pcp", "nat_pmp", "upnp")
        self.agent.signal(signal.SIGTERM)
        self.agent.wait(10)


@needs_netns
@needs_miniupnpd
class DirectIpv6(NatTest):
    """The host's own global address, through a firewall that opens when asked."""

    def check(self, *protocols):
        self.lab.topology("pinhole", protocols=protocols)
        self.start_cast()
        address = self.wait_direct(20)
        host, port = endpoint(address)
        self.assertEqual(host, HOME6)
        self.assertEqual(self.lab.router.pinholes(), [(HOME6, port)])
        self.assert_serves(address)
        self.agent.stop()
        self.assertEqual(self.lab.router.pinholes(), [])

    def test_pinhole_by_pcp(self):
        self.check("pcp")

    def test_pinhole_by_upnp(self):
        self.check("upnp")

    def test_session_over_ipv6_reaches_the_relay(self):
        self.lab.topology("pinhole", protocols=["pcp"])
        self.start_cast(rendezvous=[f"[{RV6}]:{RV_PORT}"])
        self.assert_serves(f"[{RV6}]:{RV_PORT}")
        self.assertEqual(endpoint(self.wait_direct(20))[0], HOME6)


@needs_netns
@needs_miniupnpd
class DirectPolicy(NatTest):
    """Going direct must not widen policy."""

    TOPOLOGY = "igd"
    POLICY = {"agent": "spiffe://{trust_domain}/agent/{cluster}/{name}", "services": ["*.{cluster}"], "endpoints": ["{name}"]}

    def test_excluded_source_is_refused_by_both_paths(self):
        self.start_cast(policy={**self.POLICY, "source": [f"{RV}/32"]})
        address = self.wait_direct()
        hello = client_hello("web.home")
        self.assertEqual(self.caller(address).alert_for(hello), ALERT_ACCESS_DENIED)
        self.assertEqual(self.caller().alert_for(hello), ALERT_ACCESS_DENIED)
        self.assert_serves(address, netns=self.lab.rv)
        self.assertEqual(len(self.service.records(event="connection")), 1)
