"""The NAT laboratory does what it says: each topology and scripted gateway, proved with plain sockets and bytes by hand."""
import contextlib
import os
import socket
import struct
import unittest

import natlab_wire as wire
from harness import needs_netns, wait_until
from natlab import (CLIENT, CLIENT6, HOME, HOME6, LAN_GATEWAY, LAN_GATEWAY6, RV, RV6, RV_SECOND, SOMEBODY_ELSE, WAN, WAN_GATEWAY,
                    WAN_RENUMBERED, NatLab)
from natlab_igd import needs_miniupnpd
from natlab_router import Mapping
from natlab_scripted import (ScriptedPcp, ScriptedUpnp, always_conflict, any_lease_refused, broken_xml, endless, only_permanent,
                             trickling)

PORT, SECOND_PORT = 40000, 40001


class LabTest(unittest.TestCase):
    TOPOLOGY, OPTIONS = None, {}

    def setUp(self):
        self.lab = NatLab(self.TOPOLOGY, **self.OPTIONS)
        self.addCleanup(self.lab.close)
        self.home, self.client, self.router = self.lab.home, self.lab.client, self.lab.router

    def seen_by_rendezvous(self, address=RV):
        """The address and port that a connection from home is seen from."""
        with self.lab.rv.listen((address, 15443)) as listener, self.home.connect((address, 15443)):
            sock, seen = listener.accept()
            sock.close()
            return seen

    def serve(self, address=HOME, port=PORT):
        """Somebody listens at home."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = self.home.listen((address, port), family)
        self.addCleanup(listener.close)
        return listener

    def assert_reachable(self, address=WAN, port=PORT):
        self.assertTrue(self.client.reaches((address, port), 2))

    def assert_unreachable(self, address=WAN, port=PORT):
        self.assertFalse(self.client.reaches((address, port)))

    def igd(self):
        found = wire.find_igd(self.home)
        self.assertIsNotNone(found, "no IGD answers")
        return found


@needs_netns
class LabWithoutMapping(LabTest):
    def test_plain_has_the_public_address_itself(self):
        self.lab.topology("plain")
        self.serve(WAN)
        self.assertEqual(self.seen_by_rendezvous()[0], WAN)
        self.assert_reachable()

    def test_rendezvous_can_be_reached_and_dial_from_two_addresses(self):
        self.lab.topology("plain")
        self.serve(WAN)
        self.assertEqual(self.seen_by_rendezvous(RV_SECOND)[0], WAN)
        with self.lab.rv.connect((WAN, PORT), source=RV_SECOND) as sock:
            self.assertEqual(sock.getsockname()[0], RV_SECOND)

    def test_nat_hides_the_host_and_answers_no_protocol(self):
        self.lab.topology("nat")
        self.serve()
        self.assertEqual(self.seen_by_rendezvous()[0], WAN)
        self.assert_unreachable()
        self.assert_unreachable(HOME)
        self.assertIsNone(wire.nat_pmp_external(self.home, LAN_GATEWAY, wire.SILENCE))
        self.assertIsNone(wire.pcp_announce(self.home, LAN_GATEWAY, HOME, wire.SILENCE))
        self.assertIsNone(wire.find_igd(self.home, wire.SILENCE))

    def test_nat_keeps_ports_and_the_symmetric_one_does_not(self):
        for symmetric in (False, True):
            lab = NatLab("nat", symmetric=symmetric)
            self.addCleanup(lab.close)
            with lab.rv.listen((RV, 15443)) as listener, contextlib.ExitStack() as stack:
                kept = 0
                for _ in range(4):
                    sock = stack.enter_context(lab.home.connect((RV, 15443)))
                    other, seen = listener.accept()
                    stack.enter_context(other)
                    kept += seen[1] == sock.getsockname()[1]
                self.assertEqual(kept == 4, not symmetric)

    def test_forwarded_by_hand_is_reachable_until_taken_back(self):
        self.lab.topology("nat")
        self.serve()
        router = self.lab.router
        router.forward(PORT, HOME, PORT)
        router.forward(SECOND_PORT, HOME, PORT)
        self.assert_reachable()
        router.unforward(PORT)
        self.assertEqual(router.mappings(), [Mapping(SECOND_PORT, HOME, PORT)])
        self.assert_unreachable()
        self.assert_reachable(port=SECOND_PORT)

    def test_expired_connections_are_a_black_hole_or_reset(self):
        for how, expected in (("drop", TimeoutError), ("reset", ConnectionResetError)):
            with self.subTest(how=how):
                lab = NatLab("nat")
                self.addCleanup(lab.close)
                with lab.rv.listen((RV, 15443)) as listener, lab.home.connect((RV, 15443)) as sock:
                    other, _ = listener.accept()
                    sock.sendall(b"x")
                    other.recv(1)
                    lab.router.expire_idle(how)
                    sock.settimeout(0.3)
                    with other, self.assertRaises(expected):
                        sock.sendall(b"y")
                        sock.recv(1)
                with lab.rv.listen((RV, 15443)), lab.home.connect((RV, 15443)):
                    pass  # new ones work


@needs_netns
@needs_miniupnpd
class LabIgd(LabTest):
    TOPOLOGY = "igd"

    def test_nat_pmp_mapping_makes_the_host_reachable(self):
        self.serve()
        self.assert_unreachable()
        self.assertEqual(wire.nat_pmp_external(self.home, LAN_GATEWAY).external, WAN)
        granted = wire.nat_pmp_map(self.home, LAN_GATEWAY, PORT, PORT)
        self.assertEqual((granted.result, granted.port, granted.lifetime), (0, PORT, 3600))
        self.assertEqual(self.router.mappings(), [Mapping(PORT, HOME, PORT)])
        self.assert_reachable()

    def test_pcp_mapping_makes_the_host_reachable(self):
        self.serve()
        granted = wire.pcp_map(self.home, LAN_GATEWAY, HOME, PORT, SECOND_PORT)
        self.assertEqual((granted.result, granted.external, granted.port), (0, WAN, SECOND_PORT))
        self.assert_reachable(port=SECOND_PORT)

    def test_upnp_mapping_makes_the_host_reachable(self):
        self.serve()
        igd = self.igd()
        self.assertEqual(igd.version, 2)
        self.assertEqual(igd.external_address(), {"NewExternalIPAddress": WAN})
        self.assertEqual(igd.add(PORT, HOME, PORT), {})
        self.assert_reachable()
        self.assertEqual(igd.delete(PORT), {})
        self.assertEqual(self.router.mappings(), [])

    def test_port_of_another_host_is_a_conflict(self):
        self.home.ip("address add 192.168.1.11/24 dev eth0")
        wire.nat_pmp_map(self.home, LAN_GATEWAY, PORT, PORT, source="192.168.1.11")
        igd = self.igd()
        self.assertEqual(igd.add(PORT, HOME, PORT), {"error": 718})
        self.assertNotEqual(igd.add(PORT, HOME, PORT, action="AddAnyPortMapping")["NewReservedPort"], str(PORT))

    def test_restart_loses_mappings_and_begins_another_epoch(self):
        self.serve()
        wire.nat_pmp_map(self.home, LAN_GATEWAY, PORT, PORT)
        self.assert_reachable()
        self.router.restart()
        self.assertEqual(self.router.mappings(), [])
        self.assertLess(wire.nat_pmp_external(self.home, LAN_GATEWAY).epoch, 2)
        self.assert_unreachable()

    def test_mapping_deleted_by_the_router_is_not_announced(self):
        self.serve()
        wire.nat_pmp_map(self.home, LAN_GATEWAY, PORT, PORT)
        self.router.flush_mappings()
        self.assertEqual(self.router.mappings(), [])
        self.assert_unreachable()

    def test_renumbering_moves_the_gateway(self):
        self.serve()
        wire.nat_pmp_map(self.home, LAN_GATEWAY, PORT, PORT)
        self.router.renumber_wan(f"{WAN_RENUMBERED}/24")
        wait_until(lambda: wire.nat_pmp_external(self.home, LAN_GATEWAY).external == WAN_RENUMBERED, "the gateway says so")
        self.assertEqual(self.seen_by_rendezvous()[0], WAN_RENUMBERED)
        self.assert_unreachable()

    def test_each_protocol_can_be_had_alone(self):
        asks = {"pcp": lambda patience: wire.pcp_announce(self.home, LAN_GATEWAY, HOME, patience),
                "nat_pmp": lambda patience: wire.nat_pmp_external(self.home, LAN_GATEWAY, patience),
                "upnp": lambda patience: wire.ssdp_search(self.home, patience=patience)}
        for alone in asks:
            self.router.mute(*(name for name in asks if name != alone))
            heard = [name for name, ask in asks.items() if ask(wire.PATIENCE if name == alone else wire.SILENCE / 2)]
            self.assertEqual(heard, [alone])

    def test_igd_of_the_first_generation(self):
        lab = NatLab("igd", version=1)
        self.addCleanup(lab.close)
        igd = wire.find_igd(lab.home)
        self.assertEqual((igd.version, igd.service), (1, wire.SERVICE_1))
        self.assertEqual(igd.add(PORT, HOME, PORT), {})
        self.assertEqual(lab.router.mappings(), [Mapping(PORT, HOME, PORT)])


@needs_netns
@needs_miniupnpd
class LabLies(LabTest):
    def test_lying_gateway_confirms_and_forwards_nothing(self):
        for external in (None, SOMEBODY_ELSE):
            with self.subTest(external=external):
                lab = NatLab("lying", external=external)
                self.addCleanup(lab.close)
                self.addCleanup(lab.home.listen((HOME, PORT)).close)
                said = external or WAN
                self.assertEqual(wire.nat_pmp_external(lab.home, LAN_GATEWAY).external, said)
                self.assertEqual(wire.nat_pmp_map(lab.home, LAN_GATEWAY, PORT, PORT).result, 0)
                self.assertEqual(wire.pcp_map(lab.home, LAN_GATEWAY, HOME, PORT, PORT).external, said)
                self.assertEqual(wire.find_igd(lab.home).external_address(), {"NewExternalIPAddress": said})
                self.assertFalse(lab.client.reaches((WAN, PORT)))

    def test_gateway_behind_another_nat_has_no_usable_address(self):
        for topology, inside in (("double_nat", "10.0.0.2"), ("cgnat", "100.64.0.2")):
            with self.subTest(topology=topology):
                lab = NatLab(topology)
                self.addCleanup(lab.close)
                self.assertEqual(wire.nat_pmp_external(lab.home, LAN_GATEWAY).result, wire.NAT_PMP_NETWORK_FAILURE)
                refused = wire.pcp_map(lab.home, LAN_GATEWAY, HOME, PORT, PORT)
                self.assertEqual((refused.result, refused.external), (wire.PCP_NO_RESOURCES, inside))
                self.assertEqual(wire.find_igd(lab.home).add(PORT, HOME, PORT), {"error": 501})
                with lab.rv.listen((RV, 15443)) as listener, lab.home.connect((RV, 15443)):
                    other, seen = listener.accept()
                    other.close()
                self.assertEqual(seen[0], WAN)
                self.assertEqual(lab.router.mappings(), [])
                on_the_way = [wire.router_at(lab.home, RV, distance) for distance in (1, 2, 3)]
                self.assertEqual(on_the_way, [LAN_GATEWAY, lab.outer.lan, WAN_GATEWAY])

    def test_silent_gateway_routes_and_says_nothing(self):
        self.lab.topology("silent")
        self.assertIsNone(wire.nat_pmp_external(self.home, LAN_GATEWAY, wire.SILENCE))
        self.assertEqual(self.seen_by_rendezvous()[0], WAN)


@needs_netns
@needs_miniupnpd
class LabIpv6(LabTest):
    TOPOLOGY = "pinhole"

    def setUp(self):
        super().setUp()
        self.index = int(self.home.run(["ip", "-o", "link", "show", "eth0"]).stdout.split(":")[0])

    def test_pinhole_opens_one_port_of_the_hosts_own_address(self):
        self.serve(HOME6)
        self.serve(HOME6, SECOND_PORT)
        self.assert_unreachable(HOME6)
        granted = wire.pcp_map(self.home, LAN_GATEWAY6, HOME6, PORT, PORT, scope=self.index)
        self.assertEqual((granted.result, granted.external, granted.port), (0, HOME6, PORT))
        self.assertEqual(self.router.pinholes(), [(HOME6, PORT)])
        self.assert_reachable(HOME6)
        self.assert_unreachable(HOME6, SECOND_PORT)

    def test_addresses_are_seen_untranslated(self):
        with self.lab.rv.listen((RV6, 15443), socket.AF_INET6) as listener, self.home.connect((RV6, 15443)):
            sock, seen = listener.accept()
            sock.close()
        self.assertEqual(seen[0], HOME6)
        with self.client.listen((CLIENT6, PORT), socket.AF_INET6):
            self.assertTrue(self.lab.rv.reaches((CLIENT6, PORT)))

    def test_ipv4_gets_no_mapping_here(self):
        self.assertIsNone(wire.nat_pmp_external(self.home, LAN_GATEWAY, wire.SILENCE))
        self.assertIsNone(wire.find_igd(self.home, wire.SILENCE))


@needs_netns
class LabScriptedPcp(LabTest):
    def start(self, **manners):
        self.lab.topology("scripted", gateway=ScriptedPcp, **manners)
        return self.lab.gateway

    def test_grants_work_and_are_recorded(self):
        gateway = self.start(longest=60)
        self.serve()
        granted = wire.nat_pmp_map(self.home, LAN_GATEWAY, PORT, PORT)
        self.assertEqual((granted.result, granted.lifetime), (0, 60))
        self.assert_reachable()
        self.assertEqual(gateway.requests, [("nat_pmp", PORT, PORT, 3600)])
        wire.pcp_map(self.home, LAN_GATEWAY, HOME, PORT, 0, lifetime=0)
        self.assertEqual((gateway.table, self.lab.router.mappings()), ({}, []))

    def test_refuses_what_it_is_told_to(self):
        self.start(result=wire.PCP_NOT_AUTHORIZED)
        self.assertEqual(wire.pcp_map(self.home, LAN_GATEWAY, HOME, PORT).result, wire.PCP_NOT_AUTHORIZED)
        self.assertEqual(wire.nat_pmp_map(self.home, LAN_GATEWAY, PORT).result, wire.PCP_NOT_AUTHORIZED)
        self.assertEqual(self.lab.router.mappings(), [])

    def test_answers_one_generation_in_the_words_of_the_other(self):
        self.start(pcp=False)
        answer = wire.exchange(self.home, LAN_GATEWAY, struct.pack(">BBHI16x", 2, 0, 0, 0))
        self.assertEqual(answer[:4], b"\x00\x80\x00\x01")

    def test_lies_about_its_address(self):
        self.start(external=SOMEBODY_ELSE, forwards=False)
        self.assertEqual(wire.pcp_map(self.home, LAN_GATEWAY, HOME, PORT).external, SOMEBODY_ELSE)
        self.assertEqual(self.lab.router.mappings(), [])

    def test_epoch_reset_is_announced(self):
        gateway = self.start()
        wire.nat_pmp_map(self.home, LAN_GATEWAY, PORT, PORT)
        gateway.begin -= 1000
        self.assertGreaterEqual(wire.nat_pmp_external(self.home, LAN_GATEWAY).epoch, 1000)
        with self.home.open_socket(socket.SOCK_DGRAM) as group:
            group.bind(("", 5350))
            membership = socket.inet_aton("224.0.0.1") + socket.inet_aton(HOME)
            group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
            group.settimeout(2)
            gateway.reset_epoch(announce=True)
            said = [group.recvfrom(100) for _ in range(2)]
        self.assertEqual([data[0] for data, _ in said], [0, 2])
        self.assertEqual({sender for _, sender in said}, {(LAN_GATEWAY, wire.PORT)})
        self.assertEqual(self.lab.router.mappings(), [])
        self.assertLess(wire.nat_pmp_external(self.home, LAN_GATEWAY).epoch, 2)

    def test_slow_gateway_answers_late(self):
        self.start(delay=0.4)
        self.assertIsNone(wire.nat_pmp_external(self.home, LAN_GATEWAY, patience=0.2))
        self.assertIsNotNone(wire.nat_pmp_external(self.home, LAN_GATEWAY, patience=2))


@needs_netns
class LabScriptedUpnp(LabTest):
    def start(self, **manners):
        self.lab.topology("scripted", gateway=ScriptedUpnp, **manners)
        return self.lab.gateway

    def test_grants_work_in_both_generations(self):
        for version in (1, 2):
            with self.subTest(version=version):
                lab = NatLab("scripted", gateway=ScriptedUpnp, version=version)
                self.addCleanup(lab.close)
                self.addCleanup(lab.home.listen((HOME, PORT)).close)
                igd = wire.find_igd(lab.home)
                self.assertEqual(igd.version, version)
                self.assertEqual(igd.add(PORT, HOME, PORT), {})
                self.assertTrue(lab.client.reaches((WAN, PORT)))
                self.assertEqual(igd.add(PORT, HOME, PORT, action="AddAnyPortMapping").get("error"), 401 if version == 1 else None)
                self.assertEqual(igd.delete(PORT), {})
                self.assertEqual(lab.router.mappings(), [])

    def test_grants_permanent_mappings_only(self):
        gateway = self.start(error=only_permanent)
        igd = self.igd()
        self.assertEqual(igd.add(PORT, HOME, PORT), {"error": 725})
        self.assertEqual(igd.add(PORT, HOME, PORT, lifetime=0), {})
        self.assertEqual(gateway.table[PORT], (HOME, PORT, 0, "laboratory"))
        gateway.error = any_lease_refused
        self.assertEqual(igd.add(PORT, HOME, PORT), {"error": 402})

    def test_says_conflict_to_everything(self):
        self.start(error=always_conflict)
        igd = self.igd()
        self.assertEqual([igd.add(port, HOME, PORT) for port in (PORT, SECOND_PORT)], [{"error": 718}] * 2)
        self.assertEqual(igd.add(PORT, HOME, PORT, action="AddAnyPortMapping"), {"error": 718})

    def test_describes_itself_badly(self):
        for description, enough in ((broken_xml, None), (endless, b"a" * 8192), (trickling, b"<root>aa")):
            with self.subTest(description=description.__name__):
                lab = NatLab("scripted", gateway=ScriptedUpnp, description=description)
                self.addCleanup(lab.close)
                self.assertTrue(wire.ssdp_search(lab.home).startswith(f"http://{LAN_GATEWAY}:5000/"))
                with lab.home.connect((LAN_GATEWAY, 5000)) as sock:
                    sock.sendall(b"GET /desc.xml HTTP/1.0\r\n\r\n")
                    data, piece = b"", b"?"
                    while piece and not (enough and enough in data):
                        piece = sock.recv(65536)
                        data += piece
                self.assertEqual(piece == b"", enough is None)
                self.assertIn(b"<?xml", data)

    def test_points_to_another_host(self):
        self.start(location=f"http://{CLIENT}:80/desc.xml")
        self.assertEqual(wire.ssdp_search(self.home), f"http://{CLIENT}:80/desc.xml")


@needs_netns
class LabEnds(unittest.TestCase):
    def test_topology_comes_up_at_once_and_leaves_no_descriptor(self):
        before = len(os.listdir("/proc/self/fd"))
        lab = NatLab("nat")
        lab.close()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)
        self.assertFalse(lab.dir.exists())
