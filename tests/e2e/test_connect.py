"""`connect`: calling a service by its name from another host's identity, through the relay."""
import hashlib
import json
import os
import pty
import socket
import subprocess

from client import read_exactly, read_line
from harness import LOOPBACK, SOON, MeshTest, binary, free_port, needs_program, run_program, wait_until

MIB = 1 << 20


class ConnectTest(MeshTest):
    """A mesh with web.home, and somebody who calls it with options instead of a configuration."""

    service_kind = "commands"

    def setUp(self):
        super().setUp()
        self.start_web(self.service_kind)
        self.laptop = self.mesh.issue("agent/home/laptop")

    def words(self, name, *more, port=None):
        return ["connect", name, *more, "--rendezvous", f"{LOOPBACK}:{port or self.mesh.rendezvous_port}",
                "--cert", f"{self.laptop}.crt", "--key", f"{self.laptop}.key", "--ca", self.mesh.ca]

    def connect(self, name, *more, **kwargs):
        return run_program("fairlead-agent", *self.words(name, *more, **kwargs))


class Check(ConnectTest):
    def refused(self, name, reason, *more, **kwargs):
        """The one line of a check that fails."""
        answer = self.connect(name, "--check", *more, **kwargs)
        self.assertEqual((answer.returncode, answer.stdout), (1, ""), answer.stderr)
        self.assertEqual(answer.stderr.count("\n"), 1, answer.stderr)
        self.assertTrue(answer.stderr.startswith(f"fairlead-agent: {reason}: "), answer.stderr)
        return answer.stderr

    def test_who_answers(self):
        answer = self.connect("web.home", "--check", "--json")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        told = json.loads(answer.stdout)
        self.assertEqual(told["name"], "web.home")
        self.assertEqual(told["path"], "relay")
        self.assertEqual(told["address"], f"{LOOPBACK}:{self.mesh.rendezvous_port}")
        self.assertEqual(told["peer"], "spiffe://mesh.test/service/web")
        self.assertEqual(told["tls"], "TLSv1.2")
        self.assertFalse(told["resumed"])
        self.assertGreater(told["connect_ms"], 0)
        self.assertGreater(told["handshake_ms"], 0)
        self.service.wait_logged(event="connection", sni="web.home", peer=["spiffe://mesh.test/agent/home/laptop"])

    def test_an_endpoint_a_port_and_a_configuration(self):
        self.assertEqual(self.connect("nas1.web.home:443", "--check").returncode, 0)
        config = self.mesh.agent_config("laptop", cert=self.laptop)
        answer = run_program("fairlead-agent", "connect", "web.home", "--check", "--config", config)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("spiffe://mesh.test/service/web answers by the relay", answer.stdout)

    def test_a_name_that_nobody_has(self):
        self.refused("wbe.home", "unknown_name")

    def test_a_service_without_an_endpoint(self):
        self.agent.stop()
        self.refused("web.home", "no_endpoint")

    def test_whoever_else_answers_is_refused_and_named(self):
        line = self.refused("web.home", "certificate_identity", "--expect", "spiffe://mesh.test/service/bank")
        self.assertIn("spiffe://mesh.test/service/web", line)
        self.assertIn("--expect", line)
        self.assertFalse(self.service.records(event="connection"))

    def test_no_server_there(self):
        self.refused("web.home", "connect_refused", port=free_port())

    def test_the_next_server_is_asked(self):
        answer = self.connect("web.home", "--check", "--rendezvous", f"{LOOPBACK}:{free_port()}")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        words = self.words("web.home", "--check", "--rendezvous", f"{LOOPBACK}:{free_port()}", port=free_port())
        self.assertEqual(run_program("fairlead-agent", *words).returncode, 1)

    def test_what_cannot_be_called(self):
        for name in ("web", "web.default.svc.cluster.local", "192.0.2.1"):
            answer = self.connect(name, "--check")
            self.assertEqual((answer.returncode, answer.stderr.count("\n")), (2, 1), answer.stderr)


class Listening(ConnectTest):
    """Plain clients on a local port."""

    def start_connect(self, name, *more):
        """A running `connect`; returns it with .address, the first line of its output."""
        child = self.mesh.start_program("connect", [binary("fairlead-agent"), *map(str, self.words(name, *more))])
        wait_until(lambda: child.lines() or not child.running(), "connect prints where it listens")
        child.address = child.lines()[0]
        return child

    def dial(self, connect):
        host, _, port = connect.address.rpartition(":")
        return socket.create_connection((host, int(port)), 20)

    def test_bytes_and_who_calls(self):
        connect = self.start_connect("web.home")
        self.assertRegex(connect.address, r"^127\.0\.0\.1:\d+$")
        with self.dial(connect) as plain:
            plain.sendall(b"who\n")
            self.assertEqual(json.loads(read_line(plain))["peer"], ["spiffe://mesh.test/agent/home/laptop"])

    def test_one_mebibyte_and_a_half_close(self):
        data = os.urandom(MIB)
        with self.dial(self.start_connect("web.home")) as plain:
            plain.sendall(b"sum\n" + data)
            plain.shutdown(socket.SHUT_WR)
            self.assertEqual(read_line(plain), f"{MIB} {hashlib.sha256(data).hexdigest()}\n")

    def test_many_at_a_time(self):
        connect = self.start_connect("web.home", f"{LOOPBACK}:0")
        plains = [self.dial(connect) for _ in range(50)]
        for number, plain in enumerate(plains):
            plain.sendall(b"echo\n%05d" % number)
        for number, plain in enumerate(plains):
            self.assertEqual(read_exactly(plain, 5), b"%05d" % number)
            plain.close()

    def test_a_unix_socket(self):
        path = self.mesh.dir / "web.sock"
        connect = self.start_connect("web.home", f"unix:{path}")
        self.assertEqual(connect.address, f"unix:{path}")
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(str(path))
            plain.sendall(b"echo\nthrough a path")
            self.assertEqual(read_exactly(plain, 14), b"through a path")
        self.assertEqual(connect.stop(), 0)
        self.assertFalse(path.exists())

    def test_sigterm_ends_it_and_what_it_carries(self):
        connect = self.start_connect("web.home")
        with self.dial(connect) as plain:
            plain.sendall(b"hold\n")
            self.assertEqual(read_line(plain), "held\n")
            self.assertEqual(connect.stop(), 0)
            plain.settimeout(SOON)
            with self.assertRaises(ConnectionResetError):
                plain.recv(1)
        self.service.wait_logged(event="closed")

    def test_a_port_that_is_taken(self):
        connect = self.start_connect("web.home")
        answer = self.connect("web.home", connect.address)
        self.assertEqual((answer.returncode, answer.stdout), (1, ""))
        self.assertTrue(answer.stderr.startswith("fairlead-agent: address_in_use: "), answer.stderr)

    def test_a_name_that_nobody_has_is_a_reset_and_a_line(self):
        connect = self.start_connect("wbe.home")
        with self.dial(connect) as plain:
            with self.assertRaises(ConnectionResetError):
                plain.recv(1)
        wait_until(lambda: any("unknown_name" in line for line in connect.lines()), "connect says why", SOON)

    @needs_program("curl")
    def test_curl_and_a_server_of_https(self):
        cert, port = self.mesh.issue("service/page", dns=["page.home"]), free_port()
        self.mesh.start_program("openssl", ["openssl", "s_server", "-accept", port, "-www", "-quiet", "-cert", f"{cert}.crt",
                                            "-cert_chain", f"{cert}.crt", "-key", f"{cert}.key", "-CAfile", self.mesh.ca,
                                            "-Verify", "3"], ready_port=port)
        self.mesh.start_agent("nas2", services=[{"name": "page", "target": f"{LOOPBACK}:{port}"}])
        connect = self.start_connect("page.home")
        for _ in range(3):
            page = subprocess.run(["curl", "-sS", f"http://{connect.address}/"], capture_output=True, text=True, timeout=SOON)
            self.assertEqual(page.returncode, 0, page.stderr)
            self.assertIn("s_server -accept", page.stdout)


class Stdio(ConnectTest):
    """One connection on standard input and output, whatever these are."""

    def start(self, name="web.home", stdin=subprocess.PIPE, stdout=subprocess.PIPE):
        command = [binary("fairlead-agent"), *map(str, self.words(name, "--stdio"))]
        child = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)
        self.addCleanup(child.stderr.close)
        self.addCleanup(child.kill)
        return child

    def test_one_mebibyte_through_pipes_and_the_end_of_the_input(self):
        data = os.urandom(MIB)
        out, _ = self.start().communicate(b"sum\n" + data, timeout=20)
        self.assertEqual(out.decode(), f"{MIB} {hashlib.sha256(data).hexdigest()}\n")

    def test_regular_files(self):
        data = os.urandom(MIB)
        (self.mesh.dir / "in").write_bytes(b"sum\n" + data)
        with open(self.mesh.dir / "in", "rb") as source, open(self.mesh.dir / "out", "wb") as target:
            self.start(stdin=source, stdout=target).wait(20)
        self.assertEqual((self.mesh.dir / "out").read_text(), f"{MIB} {hashlib.sha256(data).hexdigest()}\n")

    def test_a_terminal_that_stays_as_it_was(self):
        terminal, mine = pty.openpty()
        with self.start(stdin=mine) as child:
            os.write(terminal, b"echo\nhello\n")
            self.assertEqual(child.stdout.read(6), b"hello\n")
            self.assertTrue(os.get_blocking(mine))
            os.write(terminal, b"\x04")
            child.wait(SOON)
        os.close(mine)
        os.close(terminal)

    def test_a_service_that_ends_in_order_is_success(self):
        cert, port = self.mesh.issue("service/page", dns=["page.home"]), free_port()
        self.mesh.start_program("openssl", ["openssl", "s_server", "-accept", port, "-www", "-quiet", "-cert", f"{cert}.crt",
                                            "-cert_chain", f"{cert}.crt", "-key", f"{cert}.key", "-CAfile", self.mesh.ca,
                                            "-Verify", "3"], ready_port=port)
        self.mesh.start_agent("nas2", services=[{"name": "page", "target": f"{LOOPBACK}:{port}"}])
        child = self.start("page.home")
        out, complaint = child.communicate(b"GET / HTTP/1.0\r\n\r\n", timeout=20)
        self.assertTrue(out.startswith(b"HTTP/1.0 200 ok"), out[:100])
        self.assertEqual((child.returncode, complaint), (0, b""))

    def test_nothing_but_the_complaint_when_nobody_answers(self):
        self.agent.stop()
        child = self.start()
        out, complaint = child.communicate(b"echo\n", timeout=25)
        self.assertEqual((child.returncode, out), (1, b""))
        self.assertTrue(complaint.startswith(b"fairlead-agent: no_endpoint: "), complaint)
        self.assertEqual(complaint.count(b"\n"), 1)

    def test_a_connection_that_is_cut_off_is_no_success(self):
        child = self.start()
        child.stdin.write(b"hold\n")
        child.stdin.flush()
        self.assertEqual(child.stdout.readline(), b"held\n")
        self.service.kill()
        out, complaint = child.communicate(timeout=SOON)
        self.assertEqual((child.returncode, out), (1, b""))
        self.assertTrue(complaint.startswith(b"fairlead-agent: service_reset: "), complaint)
