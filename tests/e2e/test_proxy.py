"""`proxy`: SOCKS5 and HTTP CONNECT on one local port, for every name of the mesh, with programs as they are."""
import json
import os
import socket
import ssl
import struct
import subprocess

from client import read_all, read_exactly, read_line
from harness import LOOPBACK, SOON, MeshTest, binary, free_port, needs_program, run_program, wait_until

PAGE = "a page of a server that knows no mesh"
GREETING = b"\x05\x01\x00"


def socks_request(name, port=80):
    return b"\x05\x01\x00\x03" + bytes([len(name)]) + name.encode() + struct.pack(">H", port)


class ProxyTest(MeshTest):
    """web.home, whose agent serves a page, too; and a proxy with another host's identity."""

    def setUp(self):
        super().setUp()
        self.start_web("commands")
        folder = self.mesh.dir / "page"
        folder.mkdir()
        (folder / "index.html").write_text(PAGE)
        port = free_port()
        self.mesh.start_program("httpd", ["python3", "-m", "http.server", port, "--bind", LOOPBACK, "--directory", folder], ready_port=port)
        self.services = [{"name": "page", "target": f"{LOOPBACK}:{port}", "tls": "terminate"},
                         {"name": "down", "target": f"{LOOPBACK}:{free_port()}", "tls": "terminate"},
                         {"name": "closed", "target": f"{LOOPBACK}:{port}", "tls": "terminate", "allow": ["spiffe://mesh.test/client/*"]}]
        self.mesh.start_agent("nas2", services=self.services)
        self.proxy = self.start_proxy(f"{LOOPBACK}:0")

    def start_proxy(self, *more):
        """A running `proxy`; returns it with .address, the first line of its output."""
        cert = self.mesh.issue("agent/home/laptop")
        words = ["--log-format", "json", "proxy", *more, "--rendezvous", f"{LOOPBACK}:{self.mesh.rendezvous_port}",
                 "--cert", f"{cert}.crt", "--key", f"{cert}.key", "--ca", self.mesh.ca]
        child = self.mesh.start_program("proxy", [binary("fairlead-agent"), *map(str, words)])
        wait_until(lambda: child.lines() or not child.running(), "proxy prints where it listens")
        child.address = child.lines()[0]
        return child

    def dial(self):
        host, _, port = self.proxy.address.rpartition(":")
        return socket.create_connection((host, int(port)), 20)

    def curl(self, *words):
        return subprocess.run(["curl", "-sS", "-m", "30", *words], capture_output=True, text=True, timeout=40)


@needs_program("curl")
class Curl(ProxyTest):
    def test_a_page_by_both_protocols(self):
        for way in (["--socks5-hostname", self.proxy.address], ["-x", f"socks5h://{self.proxy.address}"],
                    ["-p", "-x", f"http://{self.proxy.address}"]):
            got = self.curl(*way, "http://page.home/")
            self.assertEqual((got.returncode, got.stdout), (0, PAGE), got.stderr)

    def test_several_requests_on_one_connection(self):
        got = self.curl("--socks5-hostname", self.proxy.address, "http://page.home/", "http://page.home/", "http://page.home/")
        self.assertEqual((got.returncode, got.stdout), (0, 3 * PAGE), got.stderr)

    def test_https_inside_is_the_services_own(self):
        cert, port = self.mesh.issue("service/shop", dns=["shop.home"]), free_port()
        self.mesh.start_program("openssl", ["openssl", "s_server", "-accept", f"{LOOPBACK}:{port}", "-www", "-quiet", "-cert", f"{cert}.crt",
                                            "-cert_chain", f"{cert}.crt", "-key", f"{cert}.key"], ready_port=port)
        self.mesh.start_agent("nas3", services=[{"name": "shop", "target": f"{LOOPBACK}:{port}", "tls": "terminate"}])
        got = self.curl("-x", f"http://{self.proxy.address}", "--cacert", str(self.mesh.ca), "https://shop.home/")
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertIn("s_server -accept", got.stdout)

    def refused(self, name, reply, status, reason):
        """What curl says of it, by both protocols, and what our log does."""
        got = self.curl("--socks5-hostname", self.proxy.address, f"http://{name}/")
        self.assertEqual(got.returncode, 97, got.stderr)
        self.assertIn(f"({reply})", got.stderr)
        got = self.curl("-v", "-p", "-x", f"http://{self.proxy.address}", f"http://{name}/")
        self.assertEqual(got.returncode, 56, got.stderr)
        self.assertIn(f"response {status}", got.stderr)
        self.assertIn(f'details="{reason}"', got.stderr)
        for way in ("socks5", "connect"):
            record = self.proxy.wait_logged(msg="call", service=name, way=way, reason=reason)[0]
            self.assertTrue(record["caller"].startswith(LOOPBACK))
            self.assertIn("; ", record["detail"])  # the next step

    def test_a_name_that_nobody_has(self):
        self.refused("wbe.home", 4, 404, "unknown_name")

    def test_a_name_that_is_none_of_the_mesh(self):
        self.refused("localhost", 4, 404, "unknown_name")

    def test_a_service_that_does_not_let_us_in(self):
        self.refused("closed.home", 2, 403, "policy_denied")

    def test_a_target_that_is_down(self):
        self.refused("down.home", 5, 503, "no_endpoint")

    def test_an_address_is_no_name(self):
        got = self.curl("--socks5", self.proxy.address, "http://127.0.0.1:9/")
        self.assertEqual(got.returncode, 97, got.stderr)
        got = self.curl("-v", "-p", "-x", f"http://{self.proxy.address}", "http://127.0.0.1:9/")
        self.assertIn("response 403", got.stderr)
        self.assertIn('details="tunnel_to_address"', got.stderr)
        self.proxy.wait_logged(msg="call", reason="tunnel_to_address", way="proxy")

    def test_a_request_without_a_tunnel(self):
        got = self.curl("-i", "-x", f"http://{self.proxy.address}", "http://page.home/")
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertIn("405 Method Not Allowed", got.stdout)
        self.assertIn("allow: CONNECT", got.stdout)


class Tunnels(ProxyTest):
    def test_who_calls_and_a_half_close(self):
        with self.dial() as plain:
            plain.sendall(GREETING + socks_request("web.home"))
            self.assertEqual(read_exactly(plain, 12), b"\x05\x00" + b"\x05\x00\x00\x01" + bytes(6))
            plain.sendall(b"who\n")
            self.assertEqual(json.loads(read_line(plain))["peer"], ["spiffe://mesh.test/agent/home/laptop"])
        data = os.urandom(1 << 20)
        with self.dial() as plain:
            plain.sendall(b"CONNECT web.home:443 HTTP/1.1\r\nHost: web.home:443\r\n\r\nsum\n" + data)
            self.assertEqual(read_exactly(plain, 19), b"HTTP/1.1 200 OK\r\n\r\n")
            plain.shutdown(socket.SHUT_WR)
            self.assertTrue(read_line(plain).startswith(f"{1 << 20} "))

    def test_many_at_a_time_beside_some_that_say_nothing(self):
        silent = [self.dial() for _ in range(20)]
        plains = [self.dial() for _ in range(40)]
        for number, plain in enumerate(plains):
            plain.sendall(GREETING + socks_request("web.home") + b"echo\n%05d" % number)
        for number, plain in enumerate(plains):
            self.assertEqual(read_exactly(plain, 12)[3], 0)
            self.assertEqual(read_exactly(plain, 5), b"%05d" % number)
        for plain in silent + plains:
            plain.close()

    def test_what_speaks_neither_is_ended_at_once(self):
        for first in (b"\x16\x03\x01\x00\x05", b"\x04\x01\x00\x50", b"\x00\x00"):
            with self.dial() as plain:
                plain.sendall(first)
                plain.settimeout(SOON)
                self.assertEqual(read_all(plain), b"")
        self.proxy.wait_logged(msg="call", reason="not_accepted_here")

    def test_tls_inside_a_socks_tunnel(self):
        port = free_port()
        cert = self.mesh.issue("service/inner", dns=["inner.home"])
        self.mesh.start_program("openssl", ["openssl", "s_server", "-accept", f"{LOOPBACK}:{port}", "-www", "-quiet", "-cert", f"{cert}.crt",
                                            "-cert_chain", f"{cert}.crt", "-key", f"{cert}.key"], ready_port=port)
        self.mesh.start_agent("nas3", services=[{"name": "inner", "target": f"{LOOPBACK}:{port}", "tls": "terminate"}])
        with self.dial() as plain:
            plain.sendall(GREETING + socks_request("inner.home", 443))
            self.assertEqual(read_exactly(plain, 12)[3], 0)
            with ssl.create_default_context(cafile=self.mesh.ca).wrap_socket(plain, server_hostname="inner.home") as tls:
                tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
                self.assertIn(b"200 ok", read_exactly(tls, 15))

    def test_a_program_that_leaves_while_it_is_dialled_costs_nothing_for_long(self):
        for _ in range(20):
            plain = self.dial()
            plain.sendall(GREETING + socks_request("web.home"))
            plain.close()
        with self.dial() as plain:
            plain.sendall(GREETING + socks_request("web.home") + b"echo\nx")
            self.assertEqual(read_exactly(plain, 13)[-1:], b"x")


class Listening(ProxyTest):
    def test_json_a_unix_socket_and_its_end(self):
        path = self.mesh.dir / "proxy.sock"
        proxy = self.start_proxy(f"unix:{path}", "--json")
        self.assertEqual(json.loads(proxy.address), {"listen": f"unix:{path}"})
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(str(path))
            plain.sendall(GREETING + socks_request("web.home") + b"echo\nthrough a path")
            self.assertEqual(read_exactly(plain, 26)[12:], b"through a path")
        self.assertEqual(proxy.stop(), 0)
        self.assertFalse(path.exists())

    def test_a_port_that_is_taken(self):
        config = self.mesh.agent_config("laptop")
        answer = run_program("fairlead-agent", "proxy", self.proxy.address, "--config", config)
        self.assertEqual((answer.returncode, answer.stdout), (1, ""))
        self.assertTrue(answer.stderr.startswith("fairlead-agent: address_in_use: "), answer.stderr)

    def test_beyond_this_host_there_is_a_warning(self):
        proxy = self.start_proxy("0.0.0.0:0")
        self.assertTrue(proxy.wait_logged(level="warn", listen=proxy.address))
        self.assertFalse(self.proxy.records(level="warn"))

    def test_where_nothing_can_be_listened_on(self):
        answer = run_program("fairlead-agent", "proxy", "nowhere", "--config", self.mesh.agent_config("laptop"))
        self.assertEqual((answer.returncode, answer.stderr.count("\n")), (2, 1), answer.stderr)
