"""Tickets, headers and answers: forged, replayed, reflected. Each is refused with its own reason, and the rest goes on."""
import socket
import struct
import threading

from client import Caller, client_hello, read_all
from control import CRITICAL, OPEN_CHANNELS, FakeAgent, FakeServer, exactly, read_header
from harness import LOOPBACK, SOON, MeshTest, wait_until
from wiretap import Tap, Wiretap, flip


class Tickets(MeshTest):
    """Data channels that a rendezvous must not believe."""

    def setUp(self):
        super().setUp()
        self.start_web()
        self.agent = FakeAgent(self.mesh, self.mesh.issue("agent/home/liar"))
        self.agent.connect().hello("liar").register("lies")
        self.addCleanup(self.agent.close)

    def assert_refused(self, ticket, reason):
        before = self.rendezvous.counter(reason)
        with self.agent.channel(0, ticket) as sock:
            self.assertEqual(read_all(sock), b"")
        self.rendezvous.wait_counted(reason, above=before)
        self.rendezvous.wait_logged(reason=reason)

    def test_forged(self):
        genuine = self.agent.keys.ticket(1)
        for index in (21, 28, 29, 60):  # the counter and the MAC
            with self.subTest(index):
                self.assert_refused(flip(genuine, index), "ticket_forged")

    def test_of_no_session(self):
        self.assert_refused(flip(self.agent.keys.ticket(1), 5), "ticket_unknown_session")

    def test_malformed(self):
        self.assert_refused(flip(self.agent.keys.ticket(1), 4), "ticket_malformed")

    def test_replayed(self):
        """Whichever of the two arrives first is the genuine one."""
        for _ in range(2):
            self.addCleanup(self.agent.channel(1).close)
        self.rendezvous.wait_counted("ticket_replayed")
        self.rendezvous.wait_logged(reason="ticket_replayed")
        self.assertEqual(self.rendezvous.counter("ticket_replayed"), 1)

    def test_far_below_the_window(self):
        self.assert_accepted(5000)
        self.assert_refused(self.agent.keys.ticket(1), "ticket_replayed")

    def assert_accepted(self, counter):
        sock = self.agent.channel(counter)
        self.addCleanup(sock.close)
        with self.connecting("lies.home"):
            self.assertTrue(read_header(sock))

    def test_of_an_ended_session(self):
        ticket = self.agent.keys.ticket(1)
        self.agent.close()
        wait_until(lambda: self.rendezvous.status()["agents"]["total"] == 1, "the session ended")
        self.assert_refused(ticket, "ticket_unknown_session")

    def test_more_channels_than_the_pool(self):
        self.agent.close()
        greedy = FakeAgent(self.mesh, self.mesh.issue("agent/home/greedy"))
        self.addCleanup(greedy.close)
        greedy.connect().hello("greedy", pool=(1, 4)).register("lies")
        for counter in range(10):
            self.addCleanup(greedy.channel(counter).close)
        self.rendezvous.wait_counted("pool_full")

    def connecting(self, name):
        """A mesh client that has sent its hello and waits."""
        sock = Caller(self.mesh).dial()
        sock.sendall(client_hello(name))
        return sock

    def test_forged_and_reflected_answers(self):
        for number, (reason, forge) in enumerate([
                ("answer_forged", lambda header, mac: flip(self.agent.keys.answer(mac), -1)),
                ("answer_forged", lambda header, mac: self.agent.keys.answer(bytes(32))),
                ("answer_forged", lambda header, mac: flip(self.agent.keys.answer(mac, 1, "target_refused"), 3 + 2)),
                ("answer_malformed", lambda header, mac: header),
                ("answer_malformed", lambda header, mac: self.agent.keys.ticket(99)),
                ("answer_malformed", lambda header, mac: b"\x01\xff\xff" + bytes(600))]):
            with self.subTest(number):
                before = self.rendezvous.counter(reason)
                with self.agent.channel(10 + number) as channel, self.connecting("lies.home") as client:
                    header, mac, _ = read_header(channel)
                    channel.sendall(forge(header, mac) + b"\x16\x03\x03not for the client")
                    client.settimeout(SOON + 10)
                    self.assertNotIn(b"not for the client", read_all(client))
                self.rendezvous.wait_counted(reason, above=before)

    def test_an_agent_that_passes_plaintext_on(self):
        """The rendezvous looks at the service's first bytes, too: an agent's word is not enough."""
        with self.agent.channel(20) as channel, self.connecting("lies.home") as client:
            _, mac, _ = read_header(channel)
            channel.sendall(self.agent.keys.answer(mac) + b"HTTP/1.1 200 OK\r\n\r\n")
            self.assertNotIn(b"200 OK", read_all(client))
        self.rendezvous.wait_counted("service_not_tls")
        self.rendezvous.wait_logged(reason="service_not_tls")

    def test_bytes_before_the_answer_or_the_header(self):
        """An idle channel says nothing; one that speaks is dropped and never given to a client."""
        with self.agent.channel(30) as channel:
            channel.sendall(b"\x16\x03\x03\x00\x01")
            self.assertEqual(read_all(channel), b"")


class OnThePath(MeshTest):
    """Somebody between the agent and the rendezvous changes what passes on data channels."""

    def start(self, make_tap, ready=True):
        self.wiretap = Wiretap(None, make_tap)
        self.addCleanup(self.wiretap.close)
        self.rendezvous = self.mesh.start_rendezvous(tables={"server": {"instance_address": f"{LOOPBACK}:{self.wiretap.port}"}})
        self.wiretap.target_port = self.rendezvous.port
        self.service = self.mesh.start_service()
        self.agent = self.mesh.start_agent(ready=ready, services=[{"name": "web", "target": self.service.target}])
        self.caller = Caller(self.mesh)

    def connect_in_vain(self):
        """A client whose connection is tampered with; it must not reach the service."""
        with self.caller.dial() as sock:
            sock.sendall(client_hello("web.home"))
            return read_all(sock)

    def check(self, make_tap, program, *reasons):
        self.start(make_tap)
        self.connect_in_vain()
        daemon = getattr(self, program)
        wait_until(lambda: any(daemon.counter(reason) for reason in reasons), f"{program} counts one of {reasons}")
        self.assertTrue(any(daemon.records(reason=reason) for reason in reasons), f"{program} logs {reasons}")
        self.assertEqual(self.service.records(event="connection"), [])
        self.assertTrue(daemon.running())

    def test_an_honest_path_works(self):
        self.start(Tap)
        self.assertEqual(self.caller.echo("web.home"), b"hello over the relay")

    def test_forged_caller_in_the_header(self):
        class Forge(Tap):
            def on_header(self, header, hello):
                return flip(header, 3 + 16 + 8 + 32 + 3) + hello
        self.check(Forge, "agent", "header_forged")

    def test_forged_mac_of_the_header(self):
        class Forge(Tap):
            def on_header(self, header, hello):
                return flip(header, -1) + hello
        self.check(Forge, "agent", "header_forged")

    def test_malformed_header(self):
        class Forge(Tap):
            def on_header(self, header, hello):
                return b"\x02" + header[1:] + hello
        self.check(Forge, "agent", "header_malformed")

    def test_reflected_ticket_as_header(self):
        class Reflect(Tap):
            def on_ticket(self, ticket):
                self.ticket = ticket
                return ticket

            def on_header(self, header, hello):
                return self.ticket * 4
        self.check(Reflect, "agent", "header_malformed", "header_forged")

    def test_tampered_hello(self):
        class Forge(Tap):
            def on_header(self, header, hello):
                return header + flip(hello, len(hello) // 2)
        self.check(Forge, "agent", "hello_tampered")

    def test_forged_answer(self):
        class Forge(Tap):
            def on_answer(self, answer):
                return flip(answer, -1)
        self.check(Forge, "rendezvous", "answer_forged")

    def test_forged_ticket(self):
        class Forge(Tap):
            def on_ticket(self, ticket):
                return flip(ticket, -1)
        self.start(Forge, ready=False)
        self.rendezvous.wait_counted("ticket_forged")

    def test_replayed_header(self):
        recorded = []

        class Replay(Tap):
            def on_header(self, header, hello):
                recorded.append(header + hello)
                return recorded[0]
        self.start(Replay)
        self.assertEqual(self.caller.echo("web.home"), b"hello over the relay")
        reached = len(self.service.records(event="connection"))
        self.connect_in_vain()
        self.agent.wait_counted("header_replayed")
        self.agent.wait_logged(reason="header_replayed")
        self.assertEqual(len(self.service.records(event="connection")), reached)

    def test_replayed_answer(self):
        recorded = []

        class Replay(Tap):
            def on_answer(self, answer):
                recorded.append(answer)
                return recorded[0]
        self.start(Replay)
        self.assertEqual(self.caller.echo("web.home"), b"hello over the relay")
        self.connect_in_vain()
        self.rendezvous.wait_counted("answer_forged")


class GreedyServer(MeshTest):
    """What a rendezvous says is obeyed only within the agent's own limits."""

    def test_the_agent_opens_no_more_than_its_pool(self):
        opened = []
        data = socket.create_server((LOOPBACK, 0))
        self.addCleanup(data.close)

        def collect():
            while True:
                try:
                    opened.append(data.accept()[0])
                except OSError:
                    return
        threading.Thread(target=collect, daemon=True).start()
        server = FakeServer(self.mesh, self.mesh.issue("rendezvous/rv1", ip=[LOOPBACK]))
        self.addCleanup(server.close)
        service = self.mesh.start_service()
        agent = self.mesh.start_agent(ready=False, rendezvous=[f"{LOOPBACK}:{server.port}"], tables={"pool": {"min": 1, "max": 5}},
                                      services=[{"name": "web", "target": service.target}])
        server.accept(data.getsockname()[1])
        for _ in range(20):
            server.control.send(OPEN_CHANNELS, struct.pack(">H", 1000), CRITICAL)
        wait_until(lambda: len(opened) >= 5, "the agent opens its pool")
        # A header on each tells that the agent has worked through all it was asked for.
        for sock in opened[:5]:
            sock.settimeout(SOON)
            ticket = exactly(sock, 61)
            sock.sendall(server.keys.header(struct.unpack(">Q", ticket[21:29])[0], client_hello("web.home")) + client_hello("web.home"))
        self.assertLessEqual(len(opened), 10)
        self.assertTrue(agent.running())

    def test_plaintext_never_reaches_a_service(self):
        """A rendezvous that passes plaintext on: the agent looks at the first bytes, too."""
        data = socket.create_server((LOOPBACK, 0))
        data.settimeout(15)
        self.addCleanup(data.close)
        server = FakeServer(self.mesh, self.mesh.issue("rendezvous/rv1", ip=[LOOPBACK]))
        self.addCleanup(server.close)
        service = self.mesh.start_service("raw", options=["--reply-hex", b"HTTP/1.1 200 OK\r\n\r\n".hex()])
        agent = self.mesh.start_agent(ready=False, rendezvous=[f"{LOOPBACK}:{server.port}"],
                                      services=[{"name": "web", "target": service.target, "mutual": "unchecked"}])
        server.accept(data.getsockname()[1])
        server.control.send(OPEN_CHANNELS, struct.pack(">H", 2), CRITICAL)
        for payload, reason in ((b"GET / HTTP/1.1\r\n\r\n", "client_not_tls"), (client_hello("web.home"), "service_not_tls")):
            with self.subTest(reason):
                channel = data.accept()[0]
                channel.settimeout(SOON)
                counter = struct.unpack(">Q", exactly(channel, 61)[21:29])[0]
                channel.sendall(server.keys.header(counter, payload) + payload)
                self.assertNotIn(b"200 OK", read_all(channel))
                agent.wait_counted(reason)
                channel.close()
        self.assertEqual([r["first"][:2] for r in service.records(event="connection")], ["16"])
