"""protocol = "http": requests of callers whose TLS ends at the agent, with real clients and servers at both ends."""
import base64
import contextlib
import hashlib
import os
import subprocess

from client import Caller, read_all, read_exactly
from harness import LOOPBACK, SOON, binary, free_port, needs_netns, needs_program, wait_until
from http_target import PAGE, WEBSOCKET_KEY, HttpTarget
from natlab import RV
from natlab_mesh import RV_PORT, NatTest
from nginx import nginx_config
from test_terminate import TO_ALICE, TerminateTest

ALICE = "spiffe://mesh.test/client/alice"
FORGED = b"GET /forged HTTP/1.1\r\nHost: web.home\r\nX-Forwarded-Client-Cert: URI=spiffe://mesh.test/client/mallory\r\n\r\n"


NGINX = """
    listen {listen}; root {dir};
    location = /who {{ return 200 "$http_x_forwarded_client_cert $http_x_forwarded_for"; }}
"""


class HttpTest(TerminateTest):
    def start(self, **keys):
        super().start(HttpTarget(), protocol="http", **keys)

    def headers_of(self, *words):
        answer = self.curl(self.mesh.issue("client/alice"), *words)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        (request,) = self.target.requests
        self.target.requests.clear()
        return [(name.lower(), value) for name, value in request[2]]

    def ask(self, *requests):
        """All that comes back on one connection for these bytes."""
        with Caller(self.mesh).connect("web.home") as tls:
            with contextlib.suppress(OSError):  # it may end while we speak
                for request in requests:
                    tls.sendall(request)
            tls.settimeout(SOON)
            return read_all(tls)


class Callers(HttpTest):
    def test_the_service_hears_who_called_and_no_word_of_the_caller_about_itself(self):
        self.start(allow=TO_ALICE)
        forged = ["-H", "X-Forwarded-Client-Cert: URI=spiffe://mesh.test/client/mallory", "-H", "x_forwarded_client_cert: mallory",
                  "-H", "X-Forwarded-For: 192.0.2.1", "-H", "X-Real-IP: 192.0.2.1", "-H", "Forwarded: for=192.0.2.1;proto=http",
                  "-H", "X-Forwarded-Proto: http", "-H", "Client-Cert: :abc:", "-H", "Remote-User: mallory", "-H", "X-Mine: kept"]
        for words in ([], forged):
            heard = self.headers_of(*words)
            said = dict(heard)
            self.assertEqual(len(said), len(heard), heard)  # each once
            self.assertEqual(said["host"], f"web.home:{self.rendezvous.port}")
            digest = hashlib.sha256(self.der(self.mesh.issue("client/alice"))).hexdigest()
            self.assertEqual(said["x-forwarded-client-cert"], f"By=spiffe://mesh.test/agent/home/nas1;Hash={digest};URI={ALICE}")
            self.assertEqual((said["x-forwarded-for"], said["x-forwarded-proto"], said["x-forwarded-host"]),
                             (LOOPBACK, "https", said["host"]))
            self.assertEqual(set(said) & {"x_forwarded_client_cert", "x-real-ip", "forwarded", "client-cert", "remote-user"}, set())
            self.assertNotIn("mallory", str(heard))
            self.assertEqual(said.get("x-mine"), "kept" if words else None)

    def der(self, prefix):
        text = subprocess.run(["openssl", "x509", "-in", f"{prefix}.crt", "-outform", "DER"], capture_output=True, check=True)
        return text.stdout

    def test_who_is_not_allowed_is_refused_and_the_target_hears_nothing(self):
        self.start()
        self.assertNotEqual(self.curl(self.mesh.issue("client/alice")).returncode, 0)
        (record,) = self.agent.wait_logged(reason="caller_denied")
        self.assertIn(ALICE, record["detail"])
        self.assertEqual(self.target.requests, [])

    def test_protocols_of_callers(self):
        self.start(allow=TO_ALICE)
        for offered, chosen in [(["h2", "http/1.1"], "http/1.1"), (["istio-peer-exchange", "istio-http/1.1"], "istio-http/1.1"), ([], None)]:
            with Caller(self.mesh).connect("web.home", offered) as tls:
                self.assertEqual(tls.selected_alpn_protocol(), chosen)
                tls.sendall(b"GET /headers HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                self.assertIn(ALICE.encode(), read_all(tls))
        with self.assertRaises(OSError), Caller(self.mesh).connect("web.home", ["h2"]) as tls:
            raise OSError() if not tls.recv(1) else AssertionError("it was served")


class Requests(HttpTest):
    def setUp(self):
        super().setUp()
        self.start(allow=["mesh"])

    def start_connect(self):
        laptop = self.mesh.issue("agent/home/laptop")
        child = self.mesh.start_program("connect", [binary("fairlead-agent"), "connect", "web.home", "--rendezvous",
                                                    f"{LOOPBACK}:{self.rendezvous.port}", "--cert", f"{laptop}.crt", "--key",
                                                    f"{laptop}.key", "--ca", self.mesh.ca])
        wait_until(lambda: child.lines() or not child.running(), "connect prints where it listens")
        return child.lines()[0]

    def fetch(self, *words, data=None):
        answer = subprocess.run(["curl", "-sS", "--max-time", "20", *map(str, words)], input=data, capture_output=True)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return answer.stdout

    def test_curl_over_connect(self):
        url = f"http://{self.start_connect()}"
        pages = self.fetch(f"{url}/1", f"{url}/2", f"{url}/3")  # one connection
        self.assertEqual((pages == PAGE * 3, self.target.calls), (True, 1))
        self.assertEqual(self.fetch("-I", f"{url}/page").split(b"\r\n")[0], b"HTTP/1.1 200 OK")
        self.assertEqual(self.fetch("-0", f"{url}/page") == PAGE, True)
        data = os.urandom(3 << 20)
        (self.mesh.dir / "data").write_bytes(data)
        sent = self.fetch("-H", "Expect: 100-continue", "--data-binary", f"@{self.mesh.dir / 'data'}", "-v", f"{url}/sum")
        self.assertEqual(sent.decode(), hashlib.sha256(data).hexdigest())
        self.assertEqual(self.fetch("-H", "Transfer-Encoding: chunked", "-T", "-", "-X", "POST", f"{url}/echo", data=data) == data, True)

    @needs_program("nginx")
    def test_nginx_and_ranges(self):
        port, config = free_port(), self.mesh.dir / "nginx.conf"
        (self.mesh.dir / "file").write_bytes(PAGE)
        config.write_text(nginx_config(self.mesh.dir, NGINX.format(dir=self.mesh.dir, listen=f"{LOOPBACK}:{port}")))
        self.mesh.start_program("nginx", ["nginx", "-e", "stderr", "-c", config, "-p", self.mesh.dir], ready_port=port)
        self.mesh.start_agent("nas2", services=[{**self.keys, "name": "files", "target": f"{LOOPBACK}:{port}"}],
                              cert=self.mesh.issue("agent/home/nas2", dns=["files.home"]))
        alice = self.mesh.issue("client/alice")
        words = ["--cacert", self.mesh.ca, "--cert", f"{alice}.crt", "--key", f"{alice}.key", "--resolve",
                 f"files.home:{self.rendezvous.port}:{LOOPBACK}"]
        url = f"https://files.home:{self.rendezvous.port}"
        self.assertEqual(self.fetch(*words, "-r", "1000-1999", f"{url}/file"), PAGE[1000:2000])
        (self.mesh.dir / "half").write_bytes(PAGE[:100_000])
        self.fetch(*words, "-C", "-", "-o", self.mesh.dir / "half", f"{url}/file")
        self.assertEqual((self.mesh.dir / "half").read_bytes() == PAGE, True)
        who = self.fetch(*words, "-H", "X-Forwarded-Client-Cert: me", f"{url}/who").decode()
        self.assertRegex(who, f"^By=spiffe://mesh.test/agent/home/nas2;Hash=[0-9a-f]{{64}};URI={ALICE} {LOOPBACK}$")

    def test_websocket(self):
        key = base64.b64encode(b"sixteen bytes ok")
        with Caller(self.mesh).connect("web.home") as tls:
            tls.sendall(b"GET /ws HTTP/1.1\r\nHost: web.home\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n")
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += read_exactly(tls, 1)
            self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
            self.assertIn(base64.b64encode(hashlib.sha1(key + WEBSOCKET_KEY).digest()), head)
            for size in (1, 1000, 200_000):
                frame = b"\x82\xff" + size.to_bytes(8, "big") + os.urandom(4 + size)
                tls.sendall(frame)
                self.assertEqual(read_exactly(tls, len(frame)) == frame, True)
        (request,) = self.target.requests
        self.assertIn(("x-forwarded-proto", "https"), request[2])

    def test_a_small_server_that_writes_oddly(self):
        self.assertEqual(self.ask(b"GET /odd HTTP/1.1\r\nHost: a\r\n\r\n"),
                         b"HTTP/1.1 200 \r\nServer: camera\r\ncontent-length: 11\r\nconnection: close\r\n\r\nan odd page")

    def test_a_target_that_does_not_answer_well(self):
        for path, reason, said in [("/silent", "service_unanswered", "connection_terminated"), ("/garbage", "service_not_http", "http_protocol_error")]:
            answer = self.ask(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode())
            self.assertTrue(answer.startswith(b"HTTP/1.1 502 "), answer)
            self.assertIn(f'proxy-status: fairlead; error={said}; details="{reason}"\r\n'.encode(), answer)
            (record,) = self.agent.wait_logged(reason=reason)
            self.assertEqual(record["caller"], ALICE)
            self.assertIn(reason, str(self.agent.status()["problems"]))
        answer = self.curl(self.mesh.issue("client/alice"), f"https://web.home:{self.rendezvous.port}/cut")  # behind /page
        self.assertNotEqual(answer.returncode, 0)
        self.assertEqual((answer.stdout.endswith(b"half"), self.target.heard("/cut") != []), (True, True))


class Smuggled(HttpTest):
    """Over the wire, to a server that would hear the forged request if one came."""

    HEADS = [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked", b"Content-Length: 0\r\nContent-Length: 5", b"Content-Length: 5\r\nContent-Length: 5",
        b"Content-Length: +5", b"Content-Length: 5, 5", b"Content-Length : 5", b"Content-Length: 0x5", b"Content_Length: 5", b"Content-Length:",
        b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding : chunked", b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", b"Transfer-Encoding:\r\n chunked", b" Transfer-Encoding: chunked",
        b"X: y\nTransfer-Encoding: chunked", b"X: y\rTransfer-Encoding: chunked", b"Transfer-Encoding: \x0bchunked", b"Transfer_Encoding: chunked",
        b"Transfer-Encoding: \"chunked\"", b"X: \0", b"X\0: y", b"Connection: transfer-encoding\r\nTransfer-Encoding: chunked", b"Host: other",
        b"Expect: 100-continue, x\r\nContent-Length: 5", b"X: y\n", b"\x00", b"No colon", b": no name"]
    STARTS = [b"GET http://other/ HTTP/1.1", b"CONNECT other:80 HTTP/1.1", b"GET / HTTP/2.0", b"GET / HTTP/1.1 ", b"GET  / HTTP/1.1", b"\r\nGET / HTTP/1.1",
              b"GET /\n", b"GET /#x HTTP/1.1", b"PRI * HTTP/2.0", b"GET /\t HTTP/1.1"]
    CHUNKS = [b"5 \r\n", b"0x5\r\n", b"5\n", b"-5\r\n", b"5;a\nb\r\n", b"fffffffffffffffff5\r\n", b"5\r\n123456\r\n", b"0\r\nContent-Length: 5\r\n\r\n", b"\r\n"]

    def setUp(self):
        super().setUp()
        self.start(allow=TO_ALICE)

    def refused(self, request):
        answer = self.ask(request + FORGED)
        self.assertRegex(answer, rb"^HTTP/1\.1 (400|501) ")
        self.assertRegex(answer, rb'\r\nproxy-status: fairlead; error=http_request_error; details="http_(ambiguous|malformed|unserved)"\r\n')
        self.assertEqual(answer.count(b"HTTP/1.1 "), 1, answer)

    def test_no_head_with_two_readings_reaches_the_target(self):
        for lines in self.HEADS:
            with self.subTest(lines=lines):
                self.refused(b"POST / HTTP/1.1\r\nHost: web.home\r\n" + lines + b"\r\n\r\n0\r\n\r\n")
        for start in self.STARTS:
            with self.subTest(start=start):
                self.refused(start + b"\r\nHost: web.home\r\n\r\n")
        self.assertEqual(self.target.requests, [])
        self.agent.wait_logged(reason="http_ambiguous")

    def test_no_body_with_two_readings_becomes_a_request(self):
        for chunk in self.CHUNKS:
            with self.subTest(chunk=chunk):
                self.refused(b"POST /chunks HTTP/1.1\r\nHost: web.home\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
        self.assertEqual(self.target.heard("/forged"), [])

    def test_a_body_that_the_server_leaves_unread_is_no_request(self):
        answer = self.ask(b"GET /page HTTP/1.1\r\nHost: web.home\r\nContent-Length: %d\r\n\r\n" % len(FORGED) + FORGED)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "))
        self.assertEqual((answer.count(b"HTTP/1.1 "), self.target.heard("/forged")), (1, []))

    def test_a_pipelined_request_is_judged_like_the_first(self):
        ok = b"GET /headers HTTP/1.1\r\nHost: web.home\r\n\r\n"
        answer = self.ask(ok + FORGED.replace(b"/forged", b"/second") + ok[:-2] + b"Connection: close\r\n\r\n")
        self.assertEqual(answer.count(b"HTTP/1.1 200 "), 3)
        ((_, _, headers),) = self.target.heard("/second")
        self.assertIn(ALICE, dict(headers)["x-forwarded-client-cert"])
        self.assertNotIn("mallory", str(headers))


class Exposed(HttpTest):
    """One command in front of a page."""

    def expose(self, target):
        self.target = target
        self.addCleanup(target.close)
        cert = self.mesh.issue("agent/home/nas1", dns=["web.home"])
        written = f"http+{target.address}" if target.address.startswith("unix:") else f"http://{target.address}"
        self.mesh.start_program("expose", [binary("fairlead-agent"), "expose", f"web={written}", "--allow", TO_ALICE[0], "--rendezvous",
                                           f"{LOOPBACK}:{self.rendezvous.port}", "--cert", f"{cert}.crt", "--key", f"{cert}.key",
                                           "--ca", self.mesh.ca])
        self.rendezvous.wait_logged(msg="service registered")

    def check(self, target):
        self.expose(target)
        self.assertEqual(dict(self.headers_of())["x-forwarded-proto"], "https")

    def test_a_page(self):
        self.check(HttpTarget())

    def test_a_page_at_a_path(self):
        self.check(HttpTarget(self.mesh.dir / "page.sock"))


@needs_netns
class Direct(NatTest):
    TOPOLOGY = "plain"

    def test_the_same_without_the_relay(self):
        self.start_rendezvous()
        with self.lab.home.inside():
            target = HttpTarget()
        self.addCleanup(target.close)
        config = self.mesh.agent_config(
            "nas1", [{"name": "web", "target": target.address, "tls": "terminate", "protocol": "http", "allow": TO_ALICE}],
            rendezvous=[f"{RV}:{RV_PORT}"], tables={"nat": {"mapping": "auto"}})
        self.agent = self.mesh.run_agent("nas1", config, True, self.lab.home)
        address = self.wait_direct()
        with self.caller(address).connect("web.home") as tls:
            tls.sendall(b"GET /headers HTTP/1.1\r\nHost: a\r\nX-Real-IP: 192.0.2.1\r\n\r\n" + FORGED.replace(b"Host", b"Host: b\r\nHost"))
            answer = read_all(tls)
        self.assertEqual((answer.count(b"HTTP/1.1 200 "), answer.count(b"HTTP/1.1 400 ")), (1, 1), answer)
        self.assertIn(ALICE.encode(), answer)
        self.assertNotIn(b"192.0.2.1", answer)
        self.assertEqual([path for _, path, _ in target.requests], ["/headers"])
        self.agent.wait_logged(reason="http_ambiguous", path="direct", caller=ALICE)
