"""Which name goes where: the table "Names" of the interface, ports of their own, and who is told who called."""
import ssl

from client import (ALERT_INTERNAL_ERROR, ALERT_UNRECOGNIZED_NAME, ISTIO_ALPNS, Caller, client_hello, proxy_v1, proxy_v2, read_alert,
                    split_into_records)
from harness import LOOPBACK, MeshTest, free_port, wait_until

HOST = "web.default.svc.cluster.local"


class Names(MeshTest):
    """Two endpoints of web.home with a mesh host, and a second service with the same host on a higher port."""

    def setUp(self):
        super().setUp()
        self.rendezvous = self.mesh.start_rendezvous(tables={
            "server": {"domains": ["mesh.example.com"]},
            "limits": {"channel_wait": "2s"},  # how long an unknown name waits after a start
            "policy": [{"agent": "spiffe://mesh.test/agent/{cluster}/{name}", "services": ["*.{cluster}"], "endpoints": ["{name}"],
                        "hosts": ["*.default.svc.cluster.local", "nas.example.com"]}]})
        for name in ("nas1", "nas2"):
            service = self.mesh.start_service(name=name)
            admin = self.mesh.start_service(name=f"{name}-admin")
            self.mesh.start_agent(name, services=[
                {"name": "web", "target": service.target, "host": HOST, "port": 8443, "subsets": ["v1"] if name == "nas1" else ["v2"],
                 "sni": ["nas.example.com"]},
                {"name": "admin", "target": admin.target, "host": HOST, "port": 9443}])
            setattr(self, name, service)
            setattr(self, f"{name}_admin", admin)
        self.caller = Caller(self.mesh)

    def reached(self, name, service, **kwargs):
        """Whether a connection by this name ends at this service process."""
        before = len(service.records(event="connection"))
        self.caller.who(name, **kwargs)
        return len(service.records(event="connection")) > before

    def assert_unknown(self, names, alpn=()):
        """Asked all at once: after a start a server lets unknown names wait for their agents."""
        alerts = self.caller.alerts_for([client_hello(name, alpn) for name in names])
        self.assertEqual(dict(zip(names, alerts)), dict.fromkeys(names, ALERT_UNRECOGNIZED_NAME))

    def test_endpoint_names(self):
        for name in ("nas1.web.home", "NAS1.Web.Home", "nas1.web.home.", "nas1.web.home.mesh.example.com"):
            with self.subTest(name):
                self.assertTrue(self.reached(name, self.nas1))

    def test_service_names_reach_each_endpoint(self):
        for name in ("web.home", "WEB.home", "web.home.mesh.example.com", HOST, "nas.example.com"):
            with self.subTest(name):
                before = [len(s.records(event="connection")) for s in (self.nas1, self.nas2)]
                for _ in range(12):
                    self.caller.who(name)
                after = [len(s.records(event="connection")) for s in (self.nas1, self.nas2)]
                self.assertEqual(sum(after) - sum(before), 12)

    def test_both_endpoints_share_the_load(self):
        held = []
        for _ in range(16):
            tls = self.caller.connect("web.home")
            self.addCleanup(tls.close)
            tls.sendall(b"hold\n")
            held.append(tls)
        counts = [len(s.records(event="connection")) for s in (self.nas1, self.nas2)]
        self.assertGreaterEqual(min(counts), 4, counts)

    def test_outbound_names_with_each_istio_alpn(self):
        for alpn in ISTIO_ALPNS:
            with self.subTest(alpn):
                caller = Caller(self.mesh)
                caller.context.set_alpn_protocols(["h2", alpn])
                self.assertIn("peer", caller.who(f"outbound_.8443_._.{HOST}"))

    def test_outbound_names_need_an_istio_alpn(self):
        hellos = [client_hello(f"outbound_.8443_._.{HOST}", alpn) for alpn in ([], ["h2"], ["http/1.1", "istio-h3"])]
        self.assertEqual(self.caller.alerts_for(hellos), [ALERT_UNRECOGNIZED_NAME] * 3)
        self.rendezvous.wait_counted("alpn_required")

    def test_outbound_port_chooses_the_service(self):
        for port, services in ((8443, (self.nas1, self.nas2)), (9443, (self.nas1_admin, self.nas2_admin))):
            with self.subTest(port):
                before = sum(len(s.records(event="connection")) for s in services)
                Caller(self.mesh).who(f"outbound_.{port}_._.{HOST}", alpn=["istio"])
                self.assertEqual(sum(len(s.records(event="connection")) for s in services), before + 1)

    def test_outbound_subset_is_a_subset_or_an_endpoint(self):
        for subset, service in (("v1", self.nas1), ("v2", self.nas2), ("nas1", self.nas1), ("nas2", self.nas2)):
            with self.subTest(subset):
                self.caller = Caller(self.mesh)
                self.assertTrue(self.reached(f"outbound_.8443_.{subset}_.{HOST}", service, alpn=["istio"]))

    def test_outbound_names_that_lead_nowhere(self):
        self.assert_unknown([f"outbound_.1234_._.{HOST}", f"outbound_.8443_.v9_.{HOST}", f"outbound_.8443_._.other.{HOST}",
                             f"outbound_.8443_._.x_.{HOST}", f"outbound_.8443.{HOST}", f"outbound_.99999_._.{HOST}",
                             f"outbound_.-1_._.{HOST}", "outbound_.8443_._.", "outbound_."], ["istio"])

    def test_host_goes_to_the_lowest_port(self):
        before = [len(s.records(event="connection")) for s in (self.nas1_admin, self.nas2_admin)]
        for _ in range(8):
            self.caller.who(HOST)
        self.assertEqual([len(s.records(event="connection")) for s in (self.nas1_admin, self.nas2_admin)], before)

    def test_unknown_names(self):
        self.assert_unknown(["nobody.home", "web.elsewhere", "nas3.web.home", "web.home.other.example.com", "x" * 63 + ".home",
                             "home", "web", "a.nas1.web.home"])
        self.rendezvous.wait_counted("unknown_name", above=7)

    def test_a_hello_cut_over_records_and_segments(self):
        hellos = [split_into_records(client_hello("nobody.home"), size) for size in (50, 100, 300)]
        self.assertEqual(self.caller.alerts_for(hellos), [ALERT_UNRECOGNIZED_NAME] * 3)
        with self.caller.dial() as sock:
            for byte in client_hello("nobody.home"):
                sock.sendall(bytes([byte]))
            self.assertEqual(read_alert(sock), ALERT_UNRECOGNIZED_NAME)


class KnownNames(MeshTest):
    def test_a_service_whose_agent_left_is_known(self):
        self.start_web(tables={"limits": {"channel_wait": "2s"}})
        caller = Caller(self.mesh)
        self.assertEqual(caller.alert_for(client_hello("nobody.home")), ALERT_UNRECOGNIZED_NAME)
        self.agent.stop()
        wait_until(lambda: self.rendezvous.status()["agents"]["total"] == 0, "the session is gone")
        self.assertEqual(caller.alert_for(client_hello("web.home")), ALERT_INTERNAL_ERROR)
        self.rendezvous.wait_counted("no_endpoint")

    def test_own_names_end_at_the_rendezvous(self):
        """No mesh service may be reached by them, whatever it claims; the rendezvous ends this TLS itself."""
        self.mesh.start_rendezvous()
        caller = Caller(self.mesh, prefix=self.mesh.issue("agent/home/nas1"))
        for name in ("rv1.test", LOOPBACK, None):
            with self.subTest(name):
                try:
                    with caller.connect(name, alpn=["fairlead/1"]) as tls:
                        sans = dict((value, kind) for kind, value in tls.getpeercert()["subjectAltName"])
                except ssl.SSLError as problem:
                    self.fail(f"{name}: {problem}")
                self.assertIn("spiffe://mesh.test/rendezvous/rv1", sans)


class Ports(MeshTest):
    def test_port_of_its_own_ignores_the_name(self):
        port = free_port()
        self.start_web(tables={"port": [{"listen": f"{LOOPBACK}:{port}", "service": "web.home"}], "limits": {"channel_wait": "2s"}})
        caller = Caller(self.mesh, port=port)
        for name in ("web.home", "anything.example.com", None):
            with self.subTest(name):
                self.assertEqual(caller.echo(name), b"hello over the relay")
        self.agent.stop()
        wait_until(lambda: self.rendezvous.status()["agents"]["total"] == 0, "the session is gone")
        self.assertEqual(caller.alert_for(client_hello("anything.example.com")), ALERT_INTERNAL_ERROR)

    def test_plaintext_on_a_port_is_refused(self):
        port = free_port()
        self.start_web(tables={"port": [{"listen": f"{LOOPBACK}:{port}", "service": "web.home"}]})
        with Caller(self.mesh, port=port).dial() as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: web.home\r\n\r\n")
            read_alert(sock)
        self.rendezvous.wait_counted("client_not_tls")
        self.assertEqual(self.service.records(event="connection"), [])


class ProxyListener(MeshTest):
    """A listener behind a load balancer: PROXY is mandatory there, believed from the named sources, unknown elsewhere."""

    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.start_web(service_options=["--proxy"], service_keys={"proxy_protocol": "v2"}, tables={
            "listener": [{"address": f"{LOOPBACK}:{self.port}", "accept": ["tls"], "proxy_from": ["127.0.0.2/32"]}],
            "policy": [{"agent": "spiffe://mesh.test/agent/{cluster}/{name}", "services": ["*.{cluster}"], "endpoints": ["{name}"],
                        "source": ["127.0.0.0/8", "198.51.100.0/24", "2001:db8::/32"]}]})
        self.caller = Caller(self.mesh, port=self.port)

    def test_the_callers_address_arrives(self):
        for before, source in ((proxy_v1("198.51.100.7"), "198.51.100.7"), (proxy_v2("198.51.100.8"), "198.51.100.8"),
                               (proxy_v1("2001:db8::7", family="TCP6", destination="2001:db8::1"), "2001:db8::7"),
                               (proxy_v2("2001:db8::8"), "2001:db8::8")):
            with self.subTest(source):
                seen = self.caller.who("web.home", before=before, source="127.0.0.2")["proxy"]
                self.assertEqual((seen["source"], seen["port"]), (source, 4711))

    def test_local_command_keeps_the_connections_own_address(self):
        """PROXY v2 LOCAL and v1 UNKNOWN are a balancer's own health checks (PROXY spec §2.1, §2.2)."""
        for before in (proxy_v2("198.51.100.8", command=0x20), b"PROXY UNKNOWN\r\n"):
            with self.subTest(before[:8]):
                seen = self.caller.who("web.home", before=before, source="127.0.0.2")["proxy"]
                self.assertEqual(seen["source"], "127.0.0.2")

    def test_sources_of_the_policy_are_judged_by_the_told_address(self):
        hello = proxy_v1("203.0.113.9") + client_hello("web.home")
        self.assertIsNotNone(self.caller.alert_for(hello, source="127.0.0.2"))
        self.rendezvous.wait_counted("source_denied")

    def test_missing_header(self):
        self.caller.alert_for(client_hello("web.home"), source="127.0.0.2")
        self.rendezvous.wait_counted("proxy_header_required")

    def test_broken_headers(self):
        for before in (b"PROXY TCP4 198.51.100.7\r\n", b"PROXY TCP4 999.1.1.1 192.0.2.1 1 2\r\n",
                       b"\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c" + bytes(12)):
            with self.subTest(before[:24]):
                above = self.rendezvous.counter("proxy_header_malformed")
                self.caller.alert_for(before + client_hello("web.home"), source="127.0.0.2")
                self.rendezvous.wait_counted("proxy_header_malformed", above)

    def test_untrusted_source(self):
        self.caller.alert_for(proxy_v1("198.51.100.7") + client_hello("web.home"), source="127.0.0.3")
        self.rendezvous.wait_counted("proxy_source_untrusted")
        self.assertEqual(self.service.records(event="connection"), [])

    def test_a_header_on_an_ordinary_listener_is_not_tls(self):
        Caller(self.mesh).alert_for(proxy_v1("198.51.100.7") + client_hello("web.home"))
        self.rendezvous.wait_counted("client_not_tls")

    def test_a_ticket_is_not_accepted_where_the_listener_says_tls(self):
        self.caller.alert_for(proxy_v1("198.51.100.7") + b"\xf1FLD\x01" + bytes(56), source="127.0.0.2")
        self.rendezvous.wait_counted("not_accepted_here")


class ProxyToTheService(MeshTest):
    def called_with(self, version):
        self.start_web(service_options=["--proxy"], service_keys={"proxy_protocol": version})
        return Caller(self.mesh).who("web.home", source="127.0.0.9")["proxy"]

    def test_v1_tells_the_caller(self):
        seen = self.called_with("v1")
        self.assertEqual((seen["version"], seen["source"]), (1, "127.0.0.9"))

    def test_v2_tells_the_caller_and_the_connection_id(self):
        seen = self.called_with("v2")
        self.assertEqual((seen["version"], seen["source"]), (2, "127.0.0.9"))
        conn = seen["tlvs"]["0x05"]  # UNIQUE_ID (PROXY spec §2.2.5) is the connection id of both programs' logs
        self.rendezvous.wait_logged(conn=conn)
        self.agent.wait_logged(conn=conn)

    def test_policy_sources(self):
        self.start_web(tables={"policy": [{"agent": "spiffe://mesh.test/agent/{cluster}/{name}", "services": ["*.{cluster}"],
                                           "endpoints": ["{name}"], "source": ["127.0.0.8/30"]}]})
        self.assertEqual(Caller(self.mesh).echo("web.home", source="127.0.0.9"), b"hello over the relay")
        self.assertIsNotNone(Caller(self.mesh).alert_for(client_hello("web.home"), source="127.0.0.12"))
        self.rendezvous.wait_counted("source_denied")
