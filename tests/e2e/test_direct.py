"""Direct endpoints: reached where a port can be mapped, never published where nothing arrives, repaired when routers fail.

Everything happens in the NAT laboratory (natlab.py); what is published is what `status services` of the rendezvous says.
"""
import signal

from client import client_hello
from harness import needs_netns, wait_until
from natlab import CLIENT, HOME6, LAN_GATEWAY, RV, RV6, SOMEBODY_ELSE, WAN, WAN_RENUMBERED
from natlab_igd import needs_miniupnpd
from natlab_mesh import RV_PORT, HeldConnection, NatTest, NeverDirect, SteadyClient, endpoint
from natlab_scripted import (Forgetful, Nowhere, ScriptedPcp, ScriptedUpnp, Speechless, Wilful, always_conflict, any_lease_refused, broken_xml, endless, only_permanent,
                             trickling)

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
class DirectOdd(NatTest):
    """Gateways as odd as they exist: the agent lives, and serves by the best way that is left."""

    def start(self, gateway=ScriptedUpnp, **manners):
        self.lab.topology("scripted", gateway=gateway, **manners)
        self.gateway = self.lab.gateway
        self.start_cast()

    def wait_reason(self, *codes):
        def reason():
            state = self.agent.status()
            return state and state["services"][0]["reason"] in codes
        wait_until(reason, f"the agent says one of {codes}", 30)

    def check_permanent(self, error):
        self.start(error=error)
        self.assert_serves(self.wait_direct())
        ((port, entry),) = self.gateway.table.items()
        self.assertEqual(entry[2], 0)
        (report,) = self.agent.status()["mappings"]
        self.assertEqual((report["lifetime"], endpoint(report["external"])[1]), (0, port))
        self.agent.stop()
        self.assertEqual((self.gateway.table, self.mappings()), ({}, []))

    def check_one_mapping(self, **manners):
        """Direct all the same, by one mapping that is asked for a few times at most and gone at the end."""
        self.start(**manners)
        self.assert_serves(self.wait_direct())
        self.assertEqual(len(self.gateway.table), 1)
        self.agent.stop()
        self.assertEqual((self.gateway.table, self.mappings()), ({}, []))
        asked = len(self.gateway.asked("AddPortMapping")) + len(self.gateway.asked("AddAnyPortMapping"))
        self.assertLessEqual(asked, 4)

    def test_descriptions_that_are_not_kept(self):
        self.check_one_mapping(gateway=Forgetful)

    def test_descriptions_that_are_not_kept_by_who_knows_permanent_leases_only(self):
        self.check_one_mapping(gateway=Forgetful, error=only_permanent)

    def test_outside_address_that_is_an_error(self):
        self.check_one_mapping(gateway=Nowhere)

    def test_outside_address_that_is_empty(self):
        self.check_one_mapping(gateway=Nowhere, answer={"NewExternalIPAddress": ""})

    def test_external_port_that_is_not_the_one_asked_for(self):
        self.check_one_mapping(gateway=Wilful)

    def test_yes_without_a_word(self):
        self.check_one_mapping(gateway=Speechless)

    def test_permanent_mappings_only(self):
        self.check_permanent(only_permanent)

    def test_any_lease_refused(self):
        self.check_permanent(any_lease_refused)

    def test_permanent_mapping_of_a_killed_agent(self):
        self.start(error=only_permanent)
        self.wait_direct()
        self.agent.kill()
        self.assertEqual(len(self.gateway.table), 1)
        self.restart_agent()
        self.wait_direct()
        self.assertEqual(len(self.gateway.table), 1)
        self.agent.stop()
        self.assertEqual(self.gateway.table, {})

    def test_conflict_everywhere(self):
        self.start(error=always_conflict)
        self.wait_reason("mapping_conflict")
        self.assertEqual((self.live_direct(), self.mappings()), ([], []))
        self.assert_serves(f"{RV}:{RV_PORT}")
        tried = [int(given["NewExternalPort"]) for given in self.gateway.asked("AddPortMapping")]
        self.assertGreater(len(set(tried)), 1)
        self.assertGreaterEqual(min(tried), 1024)

    def test_port_of_somebody_else_is_left_alone(self):
        self.start()
        first = endpoint(self.wait_direct())[1]
        self.agent.stop()
        # Taken by another host meanwhile: the agent goes elsewhere and comes back when it is free.
        self.gateway.table[first] = ("192.168.1.99", 22222, 0, "somebody")
        self.restart_agent()
        self.assertNotEqual(endpoint(self.wait_direct())[1], first)
        self.agent.stop()
        self.assertEqual(self.gateway.table, {first: ("192.168.1.99", 22222, 0, "somebody")})

    def check_unusable(self, **manners):
        self.start(**manners)
        self.wait_reason("gateway_broken", "no_port_mapping")
        wait_until(lambda: not self.helpers(), "no helper process is left", 20)
        self.assertEqual((self.live_direct(), self.mappings()), ([], []))
        self.assertTrue(self.agent.running())
        self.assert_serves(f"{RV}:{RV_PORT}")

    def test_broken_description(self):
        self.check_unusable(description=broken_xml)

    def test_endless_description(self):
        self.check_unusable(description=endless)

    def test_description_that_trickles(self):
        self.check_unusable(description=trickling)

    def test_location_off_the_link_is_not_visited(self):
        with self.lab.client.listen((CLIENT, 80)) as elsewhere:
            self.check_unusable(location=f"http://{CLIENT}:80/desc.xml")
            elsewhere.settimeout(0.2)
            with self.assertRaises(TimeoutError):
                elsewhere.accept()

    def test_location_at_another_host_of_the_home_is_not_visited(self):
        neighbour = "192.168.1.5"

        def prepare(router):
            router.namespace.ip(f"address add {neighbour}/24 dev lan")
            return ScriptedUpnp(router, location=f"http://{neighbour}:8080/desc.xml")
        self.start(gateway=prepare)
        with self.lab.router.namespace.listen((neighbour, 8080)) as elsewhere:
            self.wait_reason("gateway_broken", "no_port_mapping")
            self.assert_serves(f"{RV}:{RV_PORT}")
            elsewhere.settimeout(0.2)
            with self.assertRaises(TimeoutError):
                elsewhere.accept()

    def test_pcp_not_authorized(self):
        self.start(gateway=ScriptedPcp, result=2)
        self.wait_reason("mapping_refused")
        self.assert_serves(f"{RV}:{RV_PORT}")

    def test_lifetime_that_is_no_lifetime(self):
        self.start(gateway=ScriptedPcp, longest=4)
        self.wait_reason("mapping_refused")
        self.assertEqual(self.live_direct(), [])

    def test_renewed_before_it_ends(self):
        self.start(gateway=ScriptedPcp, nat_pmp=False, longest=30)  # the shortest that is taken: renewed after half of it
        self.wait_direct()
        wait_until(lambda: len(self.gateway.requests) > 1, "a renewal", 25)
        self.assertEqual(self.gateway.requests[0][1:3], self.gateway.requests[1][1:3])
        self.assert_serves(self.live_direct()[0])

    def test_epoch_reset_is_noticed_by_its_announcement(self):
        self.start(gateway=ScriptedPcp)
        self.wait_direct()
        asked = len(self.gateway.requests)
        self.gateway.begin -= 1000
        self.gateway.reset_epoch(announce=True)
        wait_until(lambda: len(self.gateway.requests) > asked and self.mappings(), "mapped anew", 10)
        self.wait_direct(30)

    def test_slow_gateway(self):
        self.start(delay=0.3)
        self.assertEqual(self.path(), "relay")
        self.assert_serves(self.wait_direct(30))


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
