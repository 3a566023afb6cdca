"""TLS that ends at the agent: callers speak mutual TLS, the service hears plain bytes, and only of callers that it allows."""
import contextlib
import signal
import socket
import ssl
import subprocess
import threading

from certs import ForeignAuthority
from client import Caller, client_hello, read_all
from harness import LOOPBACK, MeshTest, binary, free_port, needs_netns, wait_until
from natlab import RV
from natlab_mesh import RV_PORT, NatTest
from service import read_proxy_header

PAGE = b"a page of a server that speaks no TLS\n" * 2000
TO_ALICE = ["spiffe://mesh.test/client/*"]


class PlainTarget:
    """A service without TLS. It may speak first; it keeps all that it hears and answers when its caller has ended."""

    def __init__(self, greeting=None, proxy=False):
        self.greeting, self.proxy = greeting, proxy
        self.calls, self.heard, self.headers, self.ends = 0, [], [], []
        self.listener = socket.create_server((LOOPBACK, 0))
        self.address = f"{LOOPBACK}:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.calls += 1
                threading.Thread(target=self.handle, args=[sock], daemon=True).start()

    def handle(self, sock):
        with sock:
            try:
                if self.greeting:
                    sock.sendall(self.greeting)
                    sock.shutdown(socket.SHUT_WR)
                if self.proxy:
                    self.headers.append(read_proxy_header(sock))
                data = b""
                while piece := sock.recv(65536):
                    data += piece
                self.heard.append(data)
                if not self.greeting:
                    sock.sendall(b"heard %d" % len(data))
                self.ends.append("end")
            except (OSError, EOFError) as error:
                self.ends.append(type(error).__name__)

    def close(self):
        """Its thread must be gone: one that still waits would take a connection from whoever gets the descriptor next."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


def end_stream(tls):
    """Sends a close_notify and goes on reading."""
    tls.setblocking(False)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.unwrap()
    tls.settimeout(10)


def read_rest(tls):
    """All that comes after end_stream(); Python's ssl tells the peer's close_notify as an error then."""
    data = b""
    with contextlib.suppress(ssl.SSLZeroReturnError):
        while piece := tls.recv(65536):
            data += piece
    return data


class TerminateTest(MeshTest):
    def setUp(self):
        super().setUp()
        self.rendezvous = self.mesh.start_rendezvous()

    def start(self, target=None, **keys):
        self.target = target or PlainTarget()
        self.addCleanup(self.target.close)
        self.start_for(self.target.address, **keys)

    def start_for(self, address, **keys):
        self.keys = {"name": "web", "target": address, "tls": "terminate", **keys}
        self.agent = self.mesh.start_agent(services=[self.keys], cert=self.mesh.issue("agent/home/nas1", dns=["web.home"]))

    def curl(self, prefix, *words):
        port = self.rendezvous.port
        shown = ["--cert", f"{prefix}.crt", "--key", f"{prefix}.key"] if prefix else []
        return subprocess.run(["curl", "-sS", "--max-time", "20", "--cacert", self.mesh.ca, *shown, "--resolve",
                               f"web.home:{port}:{LOOPBACK}", f"https://web.home:{port}/page", *words], capture_output=True)


class Served(TerminateTest):
    def start_http(self, **keys):
        port, folder = free_port(), self.mesh.dir / "pages"
        folder.mkdir()
        (folder / "page").write_bytes(PAGE)
        self.mesh.start_program("http.server", ["python3", "-m", "http.server", "--bind", LOOPBACK, "--directory", folder, port],
                                ready_port=port)
        self.start_for(f"{LOOPBACK}:{port}", **keys)

    def test_curl_reaches_a_server_that_speaks_no_tls(self):
        self.start_http(allow=TO_ALICE)
        for words in ([], ["--tls-max", "1.2"], ["--http1.1"]):
            with self.subTest(words=words):
                answer = self.curl(self.mesh.issue("client/alice"), *words)
                self.assertEqual((answer.returncode, answer.stdout == PAGE), (0, True), answer.stderr)
        self.rendezvous.wait_counted("completed")

    def test_by_default_agents_of_the_cluster_may_call(self):
        self.start_http()
        self.assertEqual(self.curl(self.mesh.issue("agent/home/laptop")).returncode, 0)
        self.assertNotEqual(self.curl(self.mesh.issue("agent/office/laptop")).returncode, 0)

    def test_a_service_may_show_a_certificate_of_its_own(self):
        own = self.mesh.issue("service/shop", dns=["web.home"])
        self.start_http(allow=["mesh"], cert=f"{own}.crt", key=f"{own}.key")
        with Caller(self.mesh).connect("web.home") as tls:
            names = [value for kind, value in tls.getpeercert()["subjectAltName"] if kind == "URI"]
        self.assertEqual(names, ["spiffe://mesh.test/service/shop"])


class Bytes(TerminateTest):
    def test_connect_reaches_a_service_without_tls(self):
        self.start()
        laptop = self.mesh.issue("agent/home/laptop")
        answer = subprocess.run([binary("fairlead-agent"), "connect", "web.home", "--stdio", "--rendezvous", f"{LOOPBACK}:{self.rendezvous.port}",
                                 "--cert", f"{laptop}.crt", "--key", f"{laptop}.key", "--ca", self.mesh.ca],
                                input=b"x" * 100_000, capture_output=True, timeout=20)
        self.assertEqual((answer.returncode, answer.stdout), (0, b"heard 100000"), answer.stderr)
        self.assertEqual(self.target.ends, ["end"])

    def test_the_caller_ends_first(self):
        self.start(allow=TO_ALICE)
        with Caller(self.mesh).connect("web.home") as tls:
            tls.sendall(b"x" * 300_000)
            end_stream(tls)
            self.assertEqual(read_rest(tls), b"heard 300000")
        self.assertEqual(self.target.ends, ["end"])
        self.rendezvous.wait_counted("completed")

    def test_the_service_ends_first(self):
        self.start(PlainTarget(greeting=b"hello from the service"), allow=TO_ALICE)
        with Caller(self.mesh).connect("web.home") as tls:
            self.assertEqual(read_all(tls), b"hello from the service")
            tls.sendall(b"late words")
            end_stream(tls)
        wait_until(lambda: self.target.ends, "the service sees the end")
        self.assertEqual((self.target.heard, self.target.ends), ([b"late words"], ["end"]))

    def test_a_stream_that_is_cut_off_is_no_orderly_end_for_the_service(self):
        self.start(allow=TO_ALICE)
        tls = Caller(self.mesh).connect("web.home")
        tls.sendall(b"half a message")
        tls.close()  # without a close_notify
        wait_until(lambda: self.target.ends, "the service sees the end")
        self.assertEqual((self.target.heard, self.target.ends), ([], ["ConnectionResetError"]))

    def test_proxy_v2_says_who_called(self):
        self.start(PlainTarget(proxy=True), allow=TO_ALICE, proxy_protocol="v2")
        with Caller(self.mesh).connect("web.home") as tls:
            tls.sendall(b"abc")
            end_stream(tls)
            self.assertEqual(read_rest(tls), b"heard 3")
        (header,) = self.target.headers
        self.assertEqual((header["source"], list(header["tlvs"])), (LOOPBACK, ["0x02", "0x20", "0xd0", "0x05", "0x03"]))
        value = {kind: bytes.fromhex(text) for kind, text in header["tlvs"].items()}
        self.assertEqual(value["0x02"], b"web.home")
        self.assertEqual(value["0xd0"], b"spiffe://mesh.test/client/alice")
        self.assertEqual(value["0x20"], b"\x07\0\0\0\0" + b"\x21\0\x07TLSv1.2" + b"\x22\0\x05alice")


class Refused(TerminateTest):
    def check_refused(self, prefix, reason, alert=None):
        calls = self.target.calls
        answer = self.curl(prefix)
        self.assertNotEqual(answer.returncode, 0)
        if alert:
            self.assertIn(alert, answer.stderr)
        (record, *_) = self.agent.wait_logged(reason=reason)
        wait_until(lambda: len(self.target.heard) == self.target.calls > calls, "the target's connection has ended")
        self.assertEqual(set(self.target.heard), {b""})
        return record

    def test_every_refusal_has_its_reason_and_the_target_hears_nothing(self):
        self.start(allow=TO_ALICE)
        authority = self.mesh.authority
        alice = "URI:spiffe://mesh.test/client/alice"
        foreign = ForeignAuthority(self.mesh.dir / "foreign")
        for prefix, reason, alert in [
                (None, "certificate_missing", b"handshake failure"),
                (foreign.issue("stranger", [alice]), "certificate_untrusted", b"unknown ca"),
                (authority.issue_odd("old", [alice], end="20210101000000Z"), "certificate_expired", b"verification failed"),
                (authority.issue_odd("early", [alice], begin="20390101000000Z"), "certificate_not_yet_valid", b"certificate unknown"),
                (authority.issue_odd("two", [alice, "URI:spiffe://mesh.test/client/bob"]), "certificate_identity", b"access denied"),
                (authority.issue_odd("nobody", ["DNS:a.test"]), "certificate_identity", b"access denied"),
                (authority.issue_odd("server", [alice], usage="serverAuth"), "certificate_purpose", b"unsupported certificate"),
                (self.mesh.issue("agent/home/nas2"), "caller_denied", b"access denied")]:
            with self.subTest(reason=reason, prefix=prefix):
                self.check_refused(prefix, reason, alert)
        self.assertEqual(self.agent.status()["problems"], [])  # none of it is the target's fault

    def test_a_denial_says_what_to_write_and_a_reload_lets_the_caller_in(self):
        self.start()
        alice = self.mesh.issue("client/alice")
        record = self.check_refused(alice, "caller_denied", b"access denied")
        line = 'allow = ["cluster", "spiffe://mesh.test/client/alice"]'
        self.assertIn(line, record["detail"])
        text = self.agent.config.read_text()
        self.agent.config.write_text(text.replace('tls = "terminate"', f'tls = "terminate"\n{line}'))
        self.agent.signal(signal.SIGHUP)
        self.agent.wait_logged(msg="reloaded")
        with Caller(self.mesh).connect("web.home") as tls:
            tls.sendall(b"abc")
            end_stream(tls)
            self.assertEqual(read_rest(tls), b"heard 3")

    def test_who_says_nothing_more_is_given_up(self):
        self.start(allow=TO_ALICE)
        self.agent.stop()
        self.agent = self.mesh.start_agent(services=[self.keys], tables={"limits": {"handshake_timeout": "500ms"}})
        with Caller(self.mesh).dial() as sock:
            sock.sendall(client_hello("web.home"))
            (record,) = self.agent.wait_logged(reason="handshake_timeout")
        self.assertEqual((record["bytes_in"], set(self.target.heard) <= {b""}), (0, True))


@needs_netns
class Direct(NatTest):
    TOPOLOGY = "plain"

    def test_the_same_without_the_relay(self):
        self.start_rendezvous()
        self.mesh.start_program("http.server", ["python3", "-m", "http.server", "--bind", LOOPBACK, "--directory", self.mesh.dir, 8080],
                                ready_port=8080, netns=self.lab.home)
        config = self.mesh.agent_config(
            "nas1", [{"name": "web", "target": f"{LOOPBACK}:8080", "tls": "terminate", "allow": TO_ALICE}],
            rendezvous=[f"{RV}:{RV_PORT}"], tables={"nat": {"mapping": "auto"}})
        self.agent = self.mesh.run_agent("nas1", config, True, self.lab.home)
        address = self.wait_direct()
        with self.caller(address).connect("web.home") as tls:
            tls.sendall(b"GET /nas1.toml HTTP/1.0\r\n\r\n")
            self.assertIn(b"terminate", read_all(tls))
        with self.assertRaises(OSError), self.caller(address, path="agent/office/x").connect("web.home") as tls:
            tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
            raise OSError() if not tls.recv(1) else AssertionError("it was served")
        self.agent.wait_logged(reason="caller_denied", path="direct")
