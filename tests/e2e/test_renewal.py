"""Certificates that live for seconds: agents that joined get the next one over their session, and nothing is cut."""
import concurrent.futures
import datetime
import json
import time

from certs import openssl
from client import Caller, read_all, read_exactly
from harness import MeshTest, READY, run_program, services_up, toml_document, wait_until
from test_terminate import PlainTarget

LIFE = "16s"
GREETING = b"a service that speaks first\n" * 200


class RenewalTest(MeshTest):
    def setUp(self):
        super().setUp()
        signer = self.mesh.authority.intermediate
        self.rendezvous = self.mesh.start_rendezvous(tables={
            "signer": {"mode": "file", "cert": f"{signer}.crt", "key": f"{signer}.key", "leaf_days": LIFE}})
        self.dir = self.mesh.dir / "device"

    def join(self, name="nas1"):
        made = run_program("fairlead-rendezvous", "token", "create", "--json", "--config", self.rendezvous.config)
        self.assertEqual(made.returncode, 0, made.stderr)
        joined = run_program("fairlead-agent", "join", json.loads(made.stdout)["token"], "--name", name, "--dir", self.dir)
        self.assertEqual(joined.returncode, 0, joined.stderr)

    def run_device(self, services, ready=True, **identity):
        config = self.dir / "agent.toml"
        text = config.read_text()
        for key, value in identity.items():
            text = text.replace("[identity]\n", f"[identity]\n{key} = \"{value}\"\n")
        config.write_text(text + toml_document({"nat": {"mapping": "off", "listen": []}, "service": services}))
        self.agent = self.mesh.run_agent("nas1", config, ready=ready)

    def serial(self):
        return openssl("x509", "-in", self.dir / "agent.crt", "-noout", "-serial").stdout

    def renewals(self):
        return len(self.agent.records(msg="certificate renewed"))


class Renewed(RenewalTest):
    def start(self, **identity):
        self.join()
        self.target = PlainTarget(greeting=GREETING)
        self.addCleanup(self.target.close)
        service = self.mesh.start_service("commands")
        self.run_device([{"name": "web", "target": service.target, "mutual": "unchecked"},
                         {"name": "plain", "target": self.target.address, "tls": "terminate",
                          "allow": ["spiffe://mesh.test/client/*"]}], **identity)
        self.caller = Caller(self.mesh)

    def call_plain(self):
        with self.caller.connect("plain.home") as tls:
            return read_all(tls) == GREETING

    def call_all(self, until):
        """Connections one after the other, through both kinds of service; what failed of them."""
        done, failed = 0, []
        while not until():
            try:
                good = self.caller.echo("web.home") == b"hello over the relay" if done % 2 else self.call_plain()
                if not good:
                    failed.append("a wrong answer")
            except Exception as error:  # pylint: disable=broad-except
                failed.append(repr(error))
            done += 1
        return done, failed

    def test_nothing_fails_while_certificates_are_renewed(self):
        self.start()
        first = self.serial()
        (issued,) = self.rendezvous.records(msg="a device joined")
        with self.caller.connect("web.home") as kept, concurrent.futures.ThreadPoolExecutor(16) as pool:
            deadline = time.monotonic() + 90
            over = lambda: self.renewals() >= 3 or time.monotonic() > deadline
            results = list(pool.map(self.call_all, [over] * 16))
            # A relay of the first certificate's session is still there.
            kept.sendall(b"echo\nstill here")
            self.assertEqual(read_exactly(kept, 10), b"still here")
        self.assertEqual([error for _, failed in results for error in failed], [])
        self.assertGreater(min(done for done, _ in results), 10)
        self.assertGreaterEqual(self.renewals(), 3)
        self.assertGreaterEqual(len(self.rendezvous.records(msg="a certificate was renewed", agent="nas1.home")), 3)
        self.assertNotEqual(self.serial(), first)
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.assertLess(issued["not_after"], now, "the first certificate has ended meanwhile")
        names = openssl("x509", "-in", self.dir / "agent.crt", "-noout", "-ext", "subjectAltName").stdout.decode()
        self.assertIn("URI:spiffe://mesh.test/agent/home/nas1, DNS:nas1.home, DNS:*.home", names)
        self.assertEqual(sorted(file.name for file in self.dir.iterdir() if file.is_file()),
                         ["agent.crt", "agent.key", "agent.toml", "ca.crt"])

    def test_off_is_off(self):
        self.start(renew="off")
        first = self.serial()
        self.rendezvous.wait_counted("session_certificate_ended", seconds=READY + 20)
        self.assertEqual((self.serial(), self.renewals()), (first, 0))


class NotRenewed(RenewalTest):
    def test_a_certificate_that_this_server_did_not_issue(self):
        """Made by hand, of the same CA and for the same kind of name: no device of this server."""
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=60)
        begin = end - datetime.timedelta(hours=1)
        prefix = self.mesh.authority.issue_odd("hand", ["URI:spiffe://mesh.test/agent/home/nas1"],
                                               begin=begin.strftime("%Y%m%d%H%M%SZ"), end=end.strftime("%Y%m%d%H%M%SZ"))
        before = prefix.with_suffix(".crt").read_bytes()
        service = self.mesh.start_service("commands")
        self.agent = self.mesh.start_agent("nas1", [{"name": "web", "target": service.target}], cert=prefix)
        self.agent.wait_logged(msg="the certificate was not renewed", reason="device_unknown")
        self.rendezvous.wait_logged(msg="a certificate was not renewed", reason="device_unknown")
        self.rendezvous.wait_counted("device_unknown")
        self.assertEqual(prefix.with_suffix(".crt").read_bytes(), before)
        self.assertTrue(services_up(self.agent))
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")
