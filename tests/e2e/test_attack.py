"""What somebody without a certificate may cost others: floods from one address, beside agents and clients that want in."""
import itertools
import resource
import socket
import threading
import time

from client import Caller, client_hello
from harness import Daemon, MeshTest, Process, binary, services_up, wait_until

HELLOS = 2000
FLOODER = "127.0.0.1"
PER_SECOND = 60
FILES = 1024
UNBEARABLE = 15  # seconds: it was over a minute, or for ever


def raise_own_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class LimitedDaemon(Daemon):
    """A program that may open FILES descriptors."""

    def __init__(self, name, program, config, log):
        self.program, self.config = program, config
        Process.__init__(self, name, ["prlimit", f"--nofile={FILES}", binary(program), "--log-format", "json", "run",
                                      "--config", config], log)


class Flood:
    """Connections that say one hello and are never heard of again."""

    def __init__(self, port, hello):
        self.port, self.hello, self.socks = port, hello, []
        self.stopped = threading.Event()
        self.thread = None

    def send(self, count, source=FLOODER):
        for _ in range(count):
            sock = socket.socket()
            sock.setblocking(False)
            sock.bind((source, 0))
            sock.connect_ex((FLOODER, self.port))
            self.socks.append(sock)
        for sock in self.socks[-count:]:
            self.say(sock)

    def say(self, sock):
        sock.settimeout(5)
        try:
            sock.send(self.hello)
        except OSError:
            pass  # turned away already

    def go_on(self, per_second):
        def work():
            for number in itertools.count():
                if self.stopped.wait(1 / per_second):
                    return
                self.send(1)
                if number > per_second * 20:
                    self.socks[number - per_second * 20].close()
        self.thread = threading.Thread(target=work)
        self.thread.start()

    def stop(self):
        self.stopped.set()
        if self.thread:
            self.thread.join()
        for sock in self.socks:
            sock.close()


class Handshakes(MeshTest):
    def setUp(self):
        super().setUp()
        raise_own_limit()
        self.start_web()
        hello = client_hello("rv1.test", alpn=["fairlead/1"])
        self.flood = Flood(self.rendezvous.port, hello)
        self.addCleanup(self.flood.stop)
        self.names = (f"nas{number}" for number in itertools.count(2))

    def join_time(self):
        """Seconds until a new agent's service has a path."""
        name = next(self.names)
        config = self.mesh.agent_config(name, [{"name": "web", "target": self.service.target}])
        begin = time.monotonic()
        agent = self.mesh.run_agent(name, config, ready=False)
        wait_until(lambda: services_up(agent), f"{name} has a path", UNBEARABLE)
        took = time.monotonic() - begin
        self.addCleanup(agent.stop)
        return took

    def test_two_thousand_stalled_hellos_keep_no_agent_out(self):
        alone = self.join_time()
        self.flood.send(HELLOS)
        besides = [self.join_time() for _ in range(2)]
        print(f"a new agent: {alone:.2f} s alone, {[round(each, 2) for each in besides]} s behind {HELLOS} stalled hellos")
        limits = self.rendezvous.status()["limits"]
        self.assertLessEqual(limits["handshakes_max"]["used"], limits["handshakes_max"]["max"])
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")
        wait_until(lambda: self.rendezvous.status()["limits"]["handshakes_waiting"]["used"] == 0, "the line is empty", 60)

    def test_sixty_a_second_for_good_keep_no_agent_out(self):
        self.flood.go_on(PER_SECOND)
        time.sleep(6)
        times = [self.join_time() for _ in range(4)]
        print(f"new agents beside {PER_SECOND} stalled hellos a second: {[round(each, 2) for each in times]} s")
        self.rendezvous.wait_counted("handshakes_max")

    def test_a_long_hello_for_the_own_name_is_refused(self):
        caller = Caller(self.mesh)
        hello = client_hello("rv1.test", alpn=[f"{number:0200}" for number in range(60)])
        self.assertGreater(len(hello), 12_000)
        self.assertTrue(caller.alert_for(pad(hello, 17_000)))
        self.rendezvous.wait_counted("classify_too_long")


def pad(hello, size):
    """The same ClientHello with a padding extension (RFC 7685) that makes it so long, in records of 4 KiB."""
    body = bytearray(hello[5:])
    extensions_at = 4 + 2 + 32
    extensions_at += 1 + body[extensions_at]
    extensions_at += 2 + int.from_bytes(body[extensions_at:extensions_at + 2], "big")
    extensions_at += 1 + body[extensions_at]
    padding = size - len(body) - 4
    body += b"\x00\x15" + padding.to_bytes(2, "big") + bytes(padding)
    body[extensions_at:extensions_at + 2] = (len(body) - extensions_at - 2).to_bytes(2, "big")
    body[1:4] = (len(body) - 4).to_bytes(3, "big")
    pieces = [bytes(body[at:at + 4096]) for at in range(0, len(body), 4096)]
    return b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece for piece in pieces)


class Descriptors(MeshTest):
    """A rendezvous that may open 1,024."""

    CALLS = 1500

    def start(self, tables=None):
        config, port = self.mesh.rendezvous_config(tables=tables)
        self.mesh.rendezvous_port = port
        return self.mesh.add(LimitedDaemon("rv1", "fairlead-rendezvous", config, self.mesh.dir / "rv1.log")), port

    def test_who_fits_is_served_and_status_answers(self):
        self.rendezvous, port = self.start()
        wait_until(lambda: self.rendezvous.status(), "the rendezvous answers")
        self.service = self.mesh.start_service("commands")
        self.agent = self.mesh.start_agent(services=[{"name": "web", "target": self.service.target}])
        raise_own_limit()
        caller = Caller(self.mesh)
        limits = {name: each["max"] for name, each in self.rendezvous.status()["limits"].items()}
        self.assertLess(2 * limits["relays_max"] + limits["sessions_max"] + limits["unclassified_max"], FILES)
        flood = Flood(port, client_hello("web.home"))
        self.addCleanup(flood.stop)
        for number in range(self.CALLS // 100):
            flood.send(100, source=f"127.0.0.{number + 10}")
        self.assertTrue(self.rendezvous.status())
        self.rendezvous.wait_counted("server_full")
        self.assertLessEqual(self.rendezvous.descriptors(), FILES)
        flood.stop()
        wait_until(lambda: self.rendezvous.status()["limits"]["relays_max"]["used"] == 0, "all have gone", 30)
        self.assertEqual(caller.echo("web.home"), b"hello over the relay")

    def test_too_many_workers_are_one_line(self):
        rendezvous, _ = self.start({"server": {"workers": 128}})
        self.assertEqual(rendezvous.wait(), 1)
        lines = [line for line in rendezvous.lines() if "workers" in line]
        self.assertEqual(len(lines), 1, rendezvous.lines())
        self.assertIn("1024", lines[0])

    def test_limits_that_do_not_fit_are_cut_and_named(self):
        rendezvous, _ = self.start({"limits": {"relays_max": 50_000}})
        wait_until(lambda: rendezvous.status(), "the rendezvous answers")
        self.assertTrue([line for line in rendezvous.lines() if "limits.relays_max: 50000" in line])
        self.assertLess(rendezvous.status()["limits"]["relays_max"]["max"], FILES)
