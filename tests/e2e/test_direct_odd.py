"""Gateways as odd as they exist: the agent lives, and serves by the best way that is left.

Everything happens in the NAT laboratory (natlab.py), with a gateway that plays a script (natlab_scripted.py).
"""
from harness import needs_netns, wait_until
from natlab import CLIENT, RV
from natlab_mesh import RV_PORT, NatTest, endpoint
from natlab_scripted import (Forgetful, Nowhere, ScriptedPcp, ScriptedUpnp, Speechless, Wilful, always_conflict,
                             any_lease_refused, broken_xml, endless, only_permanent, trickling)


@needs_netns
class DirectOdd(NatTest):
    """Each manner of an odd gateway, and what comes of it."""

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
