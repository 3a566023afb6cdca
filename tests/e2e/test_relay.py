"""One mesh connection through the relay: bytes, ends, targets, and everyday TLS programs at both ends."""
import hashlib
import os
import subprocess

from client import ALERT_INTERNAL_ERROR, Caller, client_hello, end_sending, read_all, read_exactly, read_line, reset, was_reset
from harness import LOOPBACK, SOON, MeshTest, free_port, needs_program, wait_until
from nginx import nginx_config

MIB = 1 << 20


class Bytes(MeshTest):
    def setUp(self):
        super().setUp()
        self.start_web()
        self.caller = Caller(self.mesh)

    def test_who_is_seen(self):
        seen = self.caller.who("web.home")
        self.assertEqual(seen["peer"], ["spiffe://mesh.test/client/alice"])
        self.assertEqual(seen["sni"], "web.home")

    def test_one_mebibyte_is_byte_exact(self):
        data = os.urandom(MIB)
        with self.caller.connect("web.home") as tls:
            tls.sendall(b"sum\n" + data)
            end_sending(tls)
            self.assertEqual(read_line(tls), f"{MIB} {hashlib.sha256(data).hexdigest()}\n")

    def test_half_close_by_the_client(self):
        with self.caller.connect("web.home") as tls:
            tls.sendall(b"sum\nabc")
            end_sending(tls)
            self.assertEqual(read_line(tls), f"3 {hashlib.sha256(b'abc').hexdigest()}\n")
            self.assertEqual(tls.recv(1), b"")
        self.rendezvous.wait_counted("completed")

    def test_half_close_right_behind_the_hello(self):
        """A client that has said everything with its hello still gets the service's flight, every time."""
        hello = client_hello("web.home")
        for _ in range(10):
            self.assertTrue(self.caller.is_answered_after_ending(hello))

    def test_half_close_by_the_service(self):
        data = os.urandom(MIB)
        with self.caller.connect("web.home") as tls:
            tls.sendall(b"half\n")
            self.assertEqual(read_line(tls), "last words\n")
            self.assertEqual(tls.recv(1), b"")
            tls.sendall(data)
            end_sending(tls)
            self.service.wait_logged(event="closed", command="half", received=MIB)

    def test_reset_by_the_client_reaches_the_service(self):
        tls = self.caller.connect("web.home")
        tls.sendall(b"hold\n")
        self.assertEqual(read_line(tls), "held\n")
        reset(tls)
        self.service.wait_logged(event="closed", how="reset")
        self.rendezvous.wait_counted("client_reset")

    def test_reset_by_the_service_reaches_the_client(self):
        with self.caller.connect("web.home") as tls:
            tls.sendall(b"reset\n")
            self.assertEqual(read_line(tls), "bye\n")
            tls.sendall(b"x")
            self.assertTrue(was_reset(tls))
        self.rendezvous.wait_counted("service_reset")

    def test_a_service_that_dies_ends_its_clients(self):
        with self.caller.connect("web.home") as tls:
            tls.sendall(b"hold\n")
            read_line(tls)
            self.service.kill()
            tls.settimeout(SOON)
            self.assertEqual(tls.recv(1), b"")

    def test_many_small_messages_keep_their_order(self):
        with self.caller.connect("web.home") as tls:
            tls.sendall(b"echo\n")
            for number in range(500):
                word = b"%05d" % number
                tls.sendall(word)
                self.assertEqual(read_exactly(tls, 5), word)

    def test_a_reader_that_pauses_gets_everything(self):
        """Back-pressure: 8 MiB towards a client that reads only when the sender can send no more."""
        data = os.urandom(8 * MIB)
        with self.caller.connect("web.home") as tls:
            tls.sendall(b"echo\n")
            tls.settimeout(1)
            sent = 0
            try:
                while sent < len(data):
                    sent += tls.send(data[sent:sent + 16384])
            except TimeoutError:
                pass  # every buffer on the way is full; that is the point
            before = self.rendezvous.memory()
            tls.settimeout(20)
            self.assertEqual(read_exactly(tls, min(sent, MIB)), data[:min(sent, MIB)])
            self.assertLess(before, 64 * MIB)

    def test_counters_and_limits_come_back(self):
        for _ in range(5):
            self.caller.echo("web.home")
        state = wait_until(lambda: self.settled(), "no relay is live")
        self.assertGreaterEqual(state["relays"]["total"], 5)
        self.assertGreater(state["relays"]["bytes_in"], 0)
        self.assertGreater(state["relays"]["bytes_out"], 0)

    def settled(self):
        state = self.rendezvous.status()
        return state if state["relays"]["live"] == 0 else None


class Targets(MeshTest):
    def setUp(self):
        super().setUp()
        self.rendezvous = self.mesh.start_rendezvous()
        self.caller = Caller(self.mesh)

    def test_unix_target(self):
        service = self.mesh.start_service(listen=f"unix:{self.mesh.dir}/web.service")
        self.mesh.start_agent(services=[{"name": "web", "target": service.target}])
        self.assertEqual(self.caller.echo("web.home", b"through a path"), b"through a path")

    def test_ipv6_target(self):
        service = self.mesh.start_service(listen=f"[::1]:{free_port()}")
        self.mesh.start_agent(services=[{"name": "web", "target": service.target}])
        self.assertEqual(self.caller.echo("web.home"), b"hello over the relay")

    def test_a_refusing_target_is_an_alert_and_its_neighbour_is_untouched(self):
        service = self.mesh.start_service()
        self.mesh.start_agent(ready=False, services=[{"name": "web", "target": service.target},
                                                     {"name": "gone", "target": f"{LOOPBACK}:{free_port()}"}])
        wait_until(lambda: self.reachable("web.home"), "web.home is reachable")
        self.assertEqual(self.caller.alert_for(client_hello("gone.home")), ALERT_INTERNAL_ERROR)
        self.rendezvous.wait_counted("target_refused")
        self.assertEqual(self.caller.echo("web.home"), b"hello over the relay")

    def reachable(self, name):
        try:
            return self.caller.echo(name)
        except OSError:
            return None

    def test_plaintext_service_is_refused(self):
        """By the agent, which sees the service's first bytes before anybody else."""
        null_cipher = "160303002a" + "02000026" + "0303" + "11" * 32 + "00" + "003b" + "00"  # TLS_RSA_WITH_NULL_SHA256
        for kind, reply, *reasons in [("raw", b"HTTP/1.1 400 Bad Request\r\n\r\n".hex(), "service_not_tls"),
                                      ("banner", "", "server_speaks_first", "service_not_tls"),
                                      ("raw", null_cipher, "service_weak_tls")]:
            with self.subTest(reasons):
                name = reasons[0].replace("_", "-")
                service = self.mesh.start_service(kind, name=name, options=["--reply-hex", reply])
                agent = self.mesh.start_agent(name, [{"name": name, "target": service.target, "mutual": "unchecked"}])
                with self.caller.dial() as sock:
                    sock.sendall(client_hello(f"{name}.home"))
                    answer = read_all(sock)
                self.assertNotIn(b"HTTP", answer)
                self.assertNotIn(b"SSH", answer)
                wait_until(lambda: any(agent.counter(reason) for reason in reasons), f"the agent counts one of {reasons}")
                self.assertTrue(any(agent.records(reason=reason) for reason in reasons))
                told = next(reason for reason in reasons if agent.counter(reason))
                self.rendezvous.wait_counted(told)  # both ends say the same of it, and each says it once
                self.assertEqual((agent.counter(told), self.rendezvous.counter(told)), (1, 1))
                self.assertEqual(self.rendezvous.counter("completed"), 0)

    def test_two_rendezvous_at_the_same_time(self):
        second = self.mesh.start_rendezvous("rv2")
        service = self.mesh.start_service()
        addresses = [f"{LOOPBACK}:{self.rendezvous.port}", f"{LOOPBACK}:{second.port}"]
        agent = self.mesh.start_agent(services=[{"name": "web", "target": service.target}], rendezvous=addresses)
        wait_until(lambda: [r["state"] for r in agent.status()["rendezvous"]].count("connected") == 2 or
                   all(d.status()["services"]["total"] == 1 for d in (self.rendezvous, second)), "both sessions stand")
        for daemon in (self.rendezvous, second):
            caller = Caller(self.mesh, port=daemon.port)
            self.assertEqual(wait_until(lambda: try_echo(caller), "relays"), b"hello over the relay")
        self.rendezvous.kill()
        self.assertEqual(Caller(self.mesh, port=second.port).echo("web.home"), b"hello over the relay")


def try_echo(caller):
    try:
        return caller.echo("web.home")
    except OSError:
        return None


class EverydayPrograms(MeshTest):
    def setUp(self):
        super().setUp()
        self.rendezvous = self.mesh.start_rendezvous(tables={"limits": {"channel_wait": "2s"}})
        self.client = self.mesh.issue("client/alice")

    def serve_http(self):
        service = self.mesh.start_service("http")
        self.mesh.start_agent(services=[{"name": "web", "target": service.target}])
        return service

    def curl(self, *words, name="web.home", port=None):
        port = port or self.rendezvous.port
        return subprocess.run(["curl", "-sS", "--max-time", "20", "--cacert", self.mesh.ca, "--cert", f"{self.client}.crt",
                               "--key", f"{self.client}.key", "--resolve", f"{name}:{port}:{LOOPBACK}",
                               f"https://{name}:{port}/page", *words], capture_output=True, text=True)

    def test_curl(self):
        self.serve_http()
        answer = self.curl()
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("spiffe://mesh.test/client/alice", answer.stdout)
        self.assertIn("GET /page", answer.stdout)

    def test_curl_with_tls_1_2(self):
        self.serve_http()
        answer = self.curl("--tls-max", "1.2")
        self.assertEqual(answer.returncode, 0, answer.stderr)

    def test_curl_hears_of_an_unknown_name(self):
        answer = self.curl(name="nobody.home")
        self.assertEqual(answer.returncode, 35)
        self.assertIn("unrecognized name", answer.stderr)

    @needs_program("openssl")
    def test_openssl_at_both_ends(self):
        cert, port = self.mesh.issue("service/web", dns=["web.home"]), free_port()
        self.mesh.start_program("s_server", ["openssl", "s_server", "-accept", f"{LOOPBACK}:{port}", "-cert", f"{cert}.crt",
                                             "-cert_chain", f"{cert}.crt", "-key", f"{cert}.key", "-CAfile", self.mesh.ca,
                                             "-Verify", "3", "-verify_return_error", "-rev", "-quiet"], ready_port=port)
        self.mesh.start_agent(services=[{"name": "web", "target": f"{LOOPBACK}:{port}"}])
        for version in ("-tls1_2", "-tls1_3"):
            with self.subTest(version):
                answer = self.s_client(version, "-cert", f"{self.client}.crt", "-cert_chain", f"{self.client}.crt",
                                       "-key", f"{self.client}.key")
                self.assertEqual(answer, "yaler eht revo olleh\n")
        self.assertEqual(self.s_client("-tls1_2"), "")  # without a certificate the service refuses, not the relay

    def s_client(self, *words):
        """Sends one line through openssl s_client and returns the line that comes back."""
        command = ["openssl", "s_client", "-connect", f"{LOOPBACK}:{self.rendezvous.port}", "-servername", "web.home",
                   "-CAfile", self.mesh.ca, "-verify_return_error", "-verify_quiet", "-quiet", *words]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as client:
            try:
                client.stdin.write("hello over the relay\n")
                client.stdin.flush()
                return client.stdout.readline()  # empty when it gave up
            finally:
                client.kill()

    @needs_program("nginx")
    def test_nginx_as_the_service(self):
        cert, port = self.mesh.issue("service/web", dns=["web.home"]), free_port()
        config = self.mesh.dir / "nginx.conf"
        config.write_text(nginx_config(self.mesh.dir, NGINX.format(cert=cert, ca=self.mesh.ca, port=port)))
        self.mesh.start_program("nginx", ["nginx", "-e", "stderr", "-c", config, "-p", self.mesh.dir], ready_port=port)
        self.mesh.start_agent(services=[{"name": "web", "target": f"{LOOPBACK}:{port}", "proxy_protocol": "v2"}])
        answer = self.curl()
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("verified SUCCESS for web.home from 127.0.0.1", answer.stdout)

    @needs_program("haproxy")
    def test_haproxy_as_a_mesh_client(self):
        self.serve_http()
        port = free_port()
        bundle = self.mesh.dir / "haproxy.pem"
        bundle.write_bytes(b"".join(self.client.with_suffix(end).read_bytes() for end in (".crt", ".key")))
        config = self.mesh.dir / "haproxy.cfg"
        config.write_text(HAPROXY.format(port=port, rendezvous=self.rendezvous.port, bundle=bundle, ca=self.mesh.ca))
        self.mesh.start_program("haproxy", ["haproxy", "-db", "-f", config], ready_port=port)
        answer = subprocess.run(["curl", "-sS", "--max-time", "20", f"http://{LOOPBACK}:{port}/page"], capture_output=True, text=True)
        self.assertIn("spiffe://mesh.test/client/alice", answer.stdout, answer.stderr)


NGINX = """
    listen 127.0.0.1:{port} ssl proxy_protocol;
    ssl_certificate {cert}.crt; ssl_certificate_key {cert}.key;
    ssl_client_certificate {ca}; ssl_verify_client on; ssl_verify_depth 3;
    location / {{ return 200 "verified $ssl_client_verify for $ssl_server_name from $proxy_protocol_addr\\n"; }}
"""

HAPROXY = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend plain
  bind 127.0.0.1:{port}
  default_backend mesh
backend mesh
  server web 127.0.0.1:{rendezvous} ssl sni str(web.home) verifyhost web.home verify required ca-file {ca} crt {bundle}
"""
