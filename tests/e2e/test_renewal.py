"""Certificates that live for seconds: agents that joined get the next one over their session, and nothing is cut."""
import concurrent.futures
import contextlib
import datetime
import json
import signal
import struct
import subprocess
import time

from certs import ForeignAuthority, new_key, openssl
from client import Caller, client_hello, read_all, read_exactly
from control import RENEW, RENEWED, FakeAgent, read_header
from harness import MeshTest, READY, run_program, sanitized, services_up, toml_document, wait_until
from test_terminate import PlainTarget

LIFE = 40 if sanitized() else 16  # seconds
GREETING = b"a service that speaks first\n" * 200


def has_ended(certificate):
    return subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-checkend", "0"], capture_output=True).returncode != 0


class RenewalTest(MeshTest):
    def setUp(self):
        super().setUp()
        signer = self.mesh.authority.intermediate
        self.rendezvous = self.mesh.start_rendezvous(tables={
            "signer": {"mode": "file", "cert": f"{signer}.crt", "key": f"{signer}.key", "leaf_days": f"{LIFE}s"}})
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
            deadline = time.monotonic() + 6 * LIFE
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
        self.rendezvous.wait_counted("session_certificate_ended", seconds=READY + LIFE)
        self.assertEqual((self.serial(), self.renewals()), (first, 0))


class Authorities(RenewalTest):
    """What a rendezvous says of CAs counts as far as one that is trusted already vouches for it."""

    def test_a_successor_is_taken_over_and_a_stranger_is_not(self):
        old, successor = self.mesh.ca.read_text(), self.mesh.authority.successor()
        stranger = (ForeignAuthority(self.mesh.dir / "foreign").dir / "foreign.crt").read_text()
        self.join()
        self.run_device([{"name": "web", "target": self.mesh.start_service("commands").target, "mutual": "unchecked"}])
        trusted = self.mesh.dir / "trusted.crt"
        trusted.write_text(old + successor + stranger)
        config = self.rendezvous.config
        config.write_text(config.read_text().replace(str(self.mesh.ca), str(trusted)))
        self.rendezvous.signal(signal.SIGHUP)
        self.rendezvous.wait_logged(msg="reloaded")
        ours = self.dir / "ca.crt"
        wait_until(lambda: successor.strip() in ours.read_text(), "the successor is trusted", seconds=READY + 2 * LIFE)
        self.assertIn(old.strip(), ours.read_text())
        self.assertNotIn(stranger.strip(), ours.read_text())
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")


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


class Hostile(RenewalTest):
    """An agent of our own making, with the identity of a device that joined."""

    def csr(self, key, *words):
        out = self.mesh.dir / "hostile.csr"
        openssl("req", "-new", "-key", key, "-subj", "/CN=x", "-outform", "DER", "-out", out, *words)
        return out.read_bytes()

    def ask(self, csr):
        """(reason code, seconds to wait, leaf) of one question."""
        self.agent.control.send(RENEW, struct.pack(">H", len(csr)) + csr, critical=0)
        _, fields = self.agent.control.receive_until(RENEWED)
        code, wait = fields.text(), fields.number(4)
        chain = fields.list(lambda: fields.octets(fields.number(2)))
        return code, wait, chain[0] if chain else None

    def test_it_renews_nothing_but_itself(self):
        self.join("nas2")
        self.agent = FakeAgent(self.mesh, self.dir / "agent")
        self.addCleanup(self.agent.close)
        self.agent.connect().hello("nas2")
        new_key(self.mesh.dir / "other.key")
        self.assertEqual(self.ask(self.csr(self.mesh.dir / "other.key"))[0], "device_unknown")
        self.assertEqual(self.ask(b"no request")[0], "csr_invalid")
        code, _, leaf = self.ask(self.csr(self.dir / "agent.key", "-addext", "subjectAltName=URI:spiffe://mesh.test/agent/home/nas1"))
        self.assertEqual(code, "")
        (self.mesh.dir / "leaf.der").write_bytes(leaf)
        names = openssl("x509", "-inform", "DER", "-in", self.mesh.dir / "leaf.der", "-noout", "-ext", "subjectAltName").stdout.decode()
        self.assertIn("URI:spiffe://mesh.test/agent/home/nas2, DNS:nas2.home", names)
        self.assertNotIn("nas1", names)
        self.assertEqual(self.ask(b"once more"), ("join_busy", 60, None))
        self.assertEqual(self.agent.register("web"), "web.home")  # the session goes on


class Slept(RenewalTest):
    """A device that was off when its certificate ended."""

    def sleep_past_the_end(self):
        self.join()
        self.service = self.mesh.start_service("commands")
        wait_until(lambda: has_ended(self.dir / "agent.crt"),
                   "the certificate has ended", seconds=READY + LIFE)

    def start(self, ready=True):
        self.run_device([{"name": "web", "target": self.service.target, "mutual": "unchecked"}], ready=ready)

    def test_it_renews_with_its_key_and_serves(self):
        self.sleep_past_the_end()
        first = self.serial()
        self.start()
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")
        self.assertNotEqual(self.serial(), first)
        self.rendezvous.wait_counted("certificate_expired")
        self.rendezvous.wait_logged(msg="a certificate was renewed", agent="nas1.home")

    def test_not_after_the_grace(self):
        config = self.rendezvous.config
        config.write_text(config.read_text().replace("[signer]\n", "[signer]\nrenew_grace = \"0s\"\n"))
        self.rendezvous.kill()
        self.rendezvous = self.mesh.run_rendezvous("rv1", config)
        self.sleep_past_the_end()
        first = self.serial()
        self.start(ready=False)
        self.agent.wait_logged(msg="the certificate was not renewed", reason="device_ended")
        self.rendezvous.wait_logged(reason="device_ended")
        self.assertEqual(self.serial(), first)

    def test_not_with_another_key(self):
        self.sleep_past_the_end()
        stranger = self.mesh.authority.issue_odd("stranger", ["URI:spiffe://mesh.test/agent/home/nas1"], end="20200201000000Z")
        for suffix, name in ((".crt", "agent.crt"), (".key", "agent.key")):
            (self.dir / name).write_bytes(stranger.with_suffix(suffix).read_bytes())
        self.start(ready=False)
        self.agent.wait_logged(msg="the certificate was not renewed", reason="device_unknown")
        self.rendezvous.wait_counted("device_unknown")


class Revoked(RenewalTest):
    """An identity that is let in no more, whatever certificate it has."""

    def revoke(self, word, *words):
        return run_program("fairlead-rendezvous", word, *words, "--config", self.rendezvous.config)

    def start(self):
        self.join()
        self.run_device([{"name": "web", "target": self.mesh.start_service("commands").target, "mutual": "unchecked"}])
        self.caller = Caller(self.mesh)

    def wait_gone(self):
        wait_until(lambda: self.rendezvous.status()["agents"]["total"] == 0, "the session has ended", seconds=2)

    def test_its_session_and_relays_end_and_it_stays_out(self):
        self.start()
        with self.caller.connect("web.home") as tls:
            tls.sendall(b"echo\nalive")
            self.assertEqual(read_exactly(tls, 5), b"alive")
            answer = self.revoke("revoke", "nas1.home")
            self.assertEqual((answer.returncode, answer.stdout), (0, "spiffe://mesh.test/agent/home/nas1 is revoked\n"))
            self.assertIn("until its certificate ends", answer.stderr)
            self.assertEqual(answer.stderr.count("\n"), 1)
            self.wait_gone()
            with contextlib.suppress(OSError):
                self.assertEqual(tls.recv(1), b"")
        self.agent.wait_logged(reason="identity_revoked")
        self.rendezvous.wait_counted("identity_revoked")
        self.rendezvous.kill()
        self.agent.kill()
        self.rendezvous = self.mesh.run_rendezvous("rv1", self.rendezvous.config)  # it is not forgotten
        self.agent = self.mesh.run_agent("nas1", self.dir / "agent.toml", ready=False)
        self.rendezvous.wait_counted("identity_revoked")
        self.assertEqual(self.rendezvous.status()["agents"]["total"], 0)

    def test_what_it_accepts_late_ends(self):
        """A caller was on its way to it; it answers once it is revoked."""
        self.join()
        agent = FakeAgent(self.mesh, self.dir / "agent")
        self.addCleanup(agent.close)
        agent.connect().hello("nas1").register("web")
        with agent.channel(1) as channel, Caller(self.mesh).dial() as client:
            client.sendall(client_hello("web.home"))
            _, header_mac, _ = read_header(channel)
            self.assertEqual(self.revoke("revoke", "nas1.home").returncode, 0)
            self.wait_gone()
            before = self.rendezvous.counter("identity_revoked")
            channel.sendall(agent.keys.answer(header_mac))
            self.rendezvous.wait_counted("identity_revoked", above=before)
            with contextlib.suppress(ConnectionError):
                self.assertEqual(read_all(client), b"")

    def test_it_is_taken_back(self):
        self.start()
        self.assertEqual(self.revoke("unrevoke", "nas1.home").returncode, 1)
        answer = json.loads(self.revoke("revoke", "spiffe://mesh.test/agent/home/nas1", "--json").stdout)
        self.assertEqual(answer, {"revoked": "spiffe://mesh.test/agent/home/nas1", "told": True})
        self.wait_gone()
        self.assertEqual(self.revoke("unrevoke", "nas1.home").returncode, 0)
        self.agent.kill()
        self.agent = self.mesh.run_agent("nas1", self.dir / "agent.toml")
        self.assertEqual(self.caller.echo("web.home"), b"hello over the relay")

    def test_only_ids_of_this_mesh(self):
        for name in ("spiffe://other.test/agent/home/nas1", "spiffe://mesh.test"):
            self.assertEqual(self.revoke("revoke", name).returncode, 2, name)
        self.rendezvous.stop()
        answer = self.revoke("revoke", "nas1.home")
        self.assertEqual(answer.returncode, 0)
        self.assertIn("no server runs", answer.stderr)
