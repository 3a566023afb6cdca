"""Who may be what: certificates, policy, held names, cloned agents, resumed sessions. Each refusal has its own reason."""
import datetime
import os
import signal
import ssl

from certs import ForeignAuthority
from client import Caller
from control import FakeAgent, Refusal
from harness import LOOPBACK, NOT_WELL, MeshTest, run_program, services_up, wait_until

AGENT = "URI:spiffe://mesh.test/agent/home/nas1"


class AgentCertificates(MeshTest):
    """The rendezvous judges the certificate of whoever opens a control channel."""

    def setUp(self):
        super().setUp()
        self.rendezvous = self.mesh.start_rendezvous()

    def assert_refused(self, prefix, reason):
        """The handshake does not come to a session, and the reason is counted and logged."""
        agent = FakeAgent(self.mesh, prefix)
        self.addCleanup(agent.close)
        with self.assertRaises((ssl.SSLError, OSError, EOFError, Refusal)):
            agent.connect().hello("nas1")
        self.rendezvous.wait_counted(reason)
        self.rendezvous.wait_logged(reason=reason)
        self.assertEqual(self.rendezvous.status()["agents"]["total"], 0)

    def odd(self, sans=(AGENT,), **kwargs):
        return self.mesh.authority.issue_odd("agent", sans, **kwargs)

    def test_the_helper_itself_is_accepted_with_a_good_certificate(self):
        agent = FakeAgent(self.mesh, self.odd())
        self.addCleanup(agent.close)
        self.assertEqual(agent.connect().hello("nas1").register("web"), "web.home")

    def test_another_ca(self):
        self.assert_refused(ForeignAuthority(self.mesh.dir / "foreign").issue("agent", [AGENT]), "certificate_untrusted")

    def test_none(self):
        self.assert_refused(None, "certificate_missing")

    def test_expired(self):
        self.assert_refused(self.odd(begin="20200101000000Z", end="20200201000000Z"), "certificate_expired")

    def test_not_yet_valid(self):
        self.assert_refused(self.odd(begin="20390101000000Z"), "certificate_not_yet_valid")

    def test_no_identity(self):
        self.assert_refused(self.odd(sans=["DNS:nas1.test"]), "certificate_identity")

    def test_two_identities(self):
        self.assert_refused(self.odd(sans=[AGENT, "URI:spiffe://mesh.test/agent/home/nas2"]), "certificate_identity")

    def test_not_a_spiffe_identity(self):
        self.assert_refused(self.odd(sans=["URI:https://mesh.test/agent/home/nas1"]), "certificate_identity")

    def test_server_only(self):
        self.assert_refused(self.odd(usage="serverAuth"), "certificate_purpose")

    def test_another_trust_domain(self):
        self.assert_refused(self.odd(sans=["URI:spiffe://other.test/agent/home/nas1"]), "policy_denied")

    def test_no_policy_for_this_identity(self):
        self.assert_refused(self.mesh.issue("client/alice"), "policy_denied")


class MeshClientCertificates(MeshTest):
    """In passthrough the service judges its callers; the relay carries its refusal."""

    def test_the_service_refuses_strangers(self):
        self.start_web()
        foreign = ForeignAuthority(self.mesh.dir / "foreign").issue("alice", ["URI:spiffe://mesh.test/client/alice"])
        expired = self.mesh.authority.issue_odd("alice", ["URI:spiffe://mesh.test/client/alice"], end="20200201000000Z")
        for name, prefix in (("foreign", foreign), ("expired", expired), ("none", None)):
            with self.subTest(name):
                caller = Caller(self.mesh, path=None, prefix=prefix)
                with self.assertRaises((ssl.SSLError, ConnectionError, EOFError)):
                    caller.echo("web.home")
        self.assertEqual(self.service.records(event="connection"), [])
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")


class ServerCertificates(MeshTest):
    """The agent judges the rendezvous by the address it dialled and by its SPIFFE id."""

    def assert_agent_refuses(self, prefix, reason):
        # The agent must get as far as judging the certificate, so the rendezvous accepts its own whatever it is.
        self.rendezvous = self.mesh.start_rendezvous(tables={
            "identity": {"cert": f"{prefix}.crt", "key": f"{prefix}.key", "ca": self.mesh.ca}})
        service = self.mesh.start_service()
        agent = self.mesh.start_agent(ready=False, services=[{"name": "web", "target": service.target}])
        agent.wait_logged(reason=reason, seconds=10)
        agent.wait_counted(reason)
        self.assertTrue(agent.running())
        self.assertEqual(agent.status()["services"][0]["path"], "down")
        self.assertEqual(self.rendezvous.status()["agents"]["total"], 0)

    def test_another_name_and_address(self):
        self.assert_agent_refuses(self.mesh.issue("rendezvous/rv1", dns=["elsewhere.test"], ip=["192.0.2.1"]), "certificate_name")

    def test_address_as_a_dns_name(self):
        self.assert_agent_refuses(self.mesh.authority.issue_odd("rv", ["URI:spiffe://mesh.test/rendezvous/rv1", f"DNS:{LOOPBACK}"]),
                                  "certificate_name")

    def test_an_agent_that_plays_rendezvous(self):
        self.assert_agent_refuses(self.mesh.issue("agent/home/evil", ip=[LOOPBACK]), "certificate_identity")

    def test_another_ca(self):
        foreign = ForeignAuthority(self.mesh.dir / "foreign").issue("rv", ["URI:spiffe://mesh.test/rendezvous/rv1", f"IP:{LOOPBACK}"])
        self.assert_agent_refuses(foreign, "certificate_untrusted")

    def test_expired(self):
        expired = self.mesh.authority.issue_odd("rv", ["URI:spiffe://mesh.test/rendezvous/rv1", f"IP:{LOOPBACK}"], end="20200201000000Z")
        self.assert_agent_refuses(expired, "certificate_expired")


class Policy(MeshTest):
    """What a session may register follows from its certificate."""

    def start(self, policy=None):
        self.rendezvous = self.mesh.start_rendezvous(tables={"policy": [policy]} if policy else None)

    def agent(self, path="agent/home/nas1", endpoint="nas1", cluster="home", **kwargs):
        agent = FakeAgent(self.mesh, self.mesh.issue(path))
        self.addCleanup(agent.close)
        return agent.connect().hello(endpoint, cluster, **kwargs)

    def assert_code(self, code, work, *args, **kwargs):
        before = self.rendezvous.counter(code)
        with self.assertRaises(Refusal) as refused:
            work(*args, **kwargs)
        self.assertEqual(refused.exception.code, code, refused.exception)
        self.rendezvous.wait_counted(code, above=before)
        self.rendezvous.wait_logged(reason=code)
        return refused.exception

    def test_names_outside_the_policy(self):
        self.start()
        self.assert_code("policy_denied", self.agent, endpoint="nas2")
        self.assert_code("policy_denied", lambda: self.agent(cluster="office").register("web"))
        agent = self.agent()
        # What is not allowed is left out, and the service is there all the same.
        self.assertEqual(agent.register("web", host="web.default.svc.cluster.local", port=443), "web.home")
        self.assertEqual(agent.register("web", claim=2, sni=["shop.example.com"]), "web.home")

    def test_names_of_other_shapes(self):
        self.start()
        for number, service in enumerate(("", "a.b", "-web", "web-", "w_b", "*", "x" * 64, "we b", "web.home"), 10):
            with self.subTest(service):
                agent = self.agent(boot_id=b"b" * 16, counter=number)
                with self.assertRaises((Refusal, EOFError, ConnectionError)):
                    agent.register(service, claim=number)
        self.assertEqual(self.rendezvous.status()["services"]["total"], 0)

    def test_a_name_held_by_another_identity(self):
        self.start({"agent": "spiffe://mesh.test/agent/{cluster}/*", "services": ["*.{cluster}"], "endpoints": ["*"],
                    "hosts": ["*.default.svc.cluster.local", "*.example.com", "*.*", "*.*.*", "rv1.test"]})
        holder = self.agent("agent/home/one", endpoint="nas1")
        holder.register("web", host="web.default.svc.cluster.local", port=443, sni=["shop.example.com"])
        thief = self.agent("agent/home/two", endpoint="nas2")
        self.assert_code("name_taken", lambda: self.agent("agent/home/three", endpoint="nas1").register("web"))
        for claim, wish in enumerate(({"host": "web.default.svc.cluster.local", "port": 443}, {"sni": ["shop.example.com"]}, {"sni": ["SHOP.example.com"]},
                                      {"sni": ["rv1.test"]}, {"sni": ["web.home"]}, {"sni": ["nas1.web.home"]}), 1):
            with self.subTest(wish):
                self.assert_code("name_taken", thief.register, f"other{claim}", claim=claim, **wish)
        # Several endpoints of one service are what load balancing is for.
        self.assertEqual(thief.register("web", claim=20), "web.home")

    def test_a_name_is_free_again_after_its_holder(self):
        self.start({"agent": "spiffe://mesh.test/agent/{cluster}/*", "services": ["*.{cluster}"], "endpoints": ["*"]})
        holder = self.agent("agent/home/one", endpoint="nas1")
        holder.register("web")
        self.assert_code("name_taken", lambda: self.agent("agent/home/two", endpoint="nas1").register("web"))
        holder.close()
        wait_until(lambda: self.rendezvous.status()["services"]["total"] == 0, "the holder is gone")
        self.assertEqual(self.agent("agent/home/two", endpoint="nas1").register("web"), "web.home")

    def test_a_version_from_the_past(self):
        self.start()
        self.assert_code("version_unsupported", self.agent, version=0)

    def test_too_many_services(self):
        self.rendezvous = self.mesh.start_rendezvous(tables={"limits": {"services_per_agent": 3}})
        agent = self.agent()
        for claim in range(1, 4):
            agent.register(f"web{claim}", claim=claim)
        self.assert_code("services_max", agent.register, "web4", claim=4)


class Clones(MeshTest):
    def test_a_cloned_agent_is_refused_and_the_first_is_untouched(self):
        self.start_web()
        clone = self.mesh.start_agent("clone", [{"name": "web", "target": self.service.target}], ready=False,
                                      cert=self.mesh.issue("agent/home/nas1"), tables={"agent": {"name": "nas1"}})
        clone.wait_logged(reason="duplicate_identity", seconds=10)
        self.rendezvous.wait_counted("duplicate_identity")
        self.rendezvous.wait_logged(reason="duplicate_identity")
        (problem,) = self.rendezvous.status()["problems"]
        self.assertEqual((problem["code"], problem["agent"]), ("duplicate_identity", "spiffe://mesh.test/agent/home/nas1"))
        self.assertTrue(problem["next_step"])
        for program, daemon in (("fairlead-rendezvous", self.rendezvous), ("fairlead-agent", clone)):
            answer = run_program(program, "status", "--config", daemon.config)
            self.assertEqual((answer.returncode, answer.stderr), (NOT_WELL, ""))
            self.assertNotIn("duplicate_identity: duplicate_identity", answer.stdout)
        self.assertTrue(clone.running())
        self.assertTrue(services_up(self.agent))
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")

    def test_a_clone_is_told_to_wait_a_minute(self):
        self.start_web()
        clone = FakeAgent(self.mesh, self.mesh.issue("agent/home/nas1"))
        self.addCleanup(clone.close)
        with self.assertRaises(Refusal) as refused:
            clone.connect().hello("nas1")
        self.assertEqual((refused.exception.code, refused.exception.retry_after), ("duplicate_identity", 60))

    def test_a_dead_first_is_taken_over(self):
        self.start_web()
        self.agent.signal(signal.SIGSTOP)
        again = FakeAgent(self.mesh, self.mesh.issue("agent/home/nas1"))
        self.addCleanup(again.close)
        self.assertEqual(again.connect().hello("nas1").register("web"), "web.home")
        self.assertEqual(self.rendezvous.status()["agents"]["total"], 1)

    def test_the_same_boot_takes_over_at_once(self):
        self.start_web()
        prefix = self.mesh.issue("agent/home/nas7")
        first, second, stale = (FakeAgent(self.mesh, prefix) for _ in range(3))
        for agent in (first, second, stale):
            self.addCleanup(agent.close)
        boot = os.urandom(16)
        first.connect().hello("nas7", boot_id=boot, counter=5).register("web")
        second.connect().hello("nas7", boot_id=boot, counter=6).register("web")
        with self.assertRaises((EOFError, ConnectionError, Refusal)):
            first.register("other", claim=2)
        self.rendezvous.wait_counted("superseded")
        with self.assertRaises(Refusal) as refused:
            stale.connect().hello("nas7", boot_id=boot, counter=6)
        self.assertEqual(refused.exception.code, "superseded")
        self.assertEqual(second.register("other", claim=2), "other.home")


class Resumption(MeshTest):
    """A resumed session is judged as a new one: its certificate's end, the CA bundle and the policy of now."""

    def setUp(self):
        super().setUp()
        self.ca = self.mesh.dir / "trusted.crt"
        self.ca.write_text(self.mesh.ca.read_text())
        self.rendezvous = self.mesh.start_rendezvous(tables={"identity": {"ca": self.ca}})

    def first(self, prefix=None):
        agent = FakeAgent(self.mesh, prefix or self.mesh.issue("agent/home/nas1"))
        self.addCleanup(agent.close)
        agent.connect().hello("nas1", boot_id=b"b" * 16, counter=1)
        self.ticket = agent.control.tls.session
        self.assertTrue(self.ticket.has_ticket)
        agent.close()
        wait_until(lambda: self.rendezvous.status()["agents"]["total"] == 0, "the first session ended")
        return agent

    def again(self, agent):
        """Connects with the ticket of before; whether the server resumed."""
        agent.connect(self.ticket)
        return agent.control.tls.session_reused

    def test_resumes(self):
        agent = self.first()
        self.assertTrue(self.again(agent))
        self.assertEqual(agent.hello("nas1", boot_id=b"b" * 16, counter=2).register("web"), "web.home")

    def test_resumes_after_a_restart_of_the_server(self):
        agent = self.first()
        self.rendezvous.kill()
        self.rendezvous = self.mesh.run_rendezvous("rv1", self.rendezvous.config)
        self.assertTrue(self.again(agent))
        agent.hello("nas1")

    def test_ticket_keys_are_private(self):
        self.first()
        state = self.mesh.dir / "rv1-state"
        self.assertEqual([oct(f.stat().st_mode & 0o777) for f in state.iterdir() if "ticket" in f.name], ["0o600"])

    def test_another_ca_bundle(self):
        agent = self.first()
        foreign = ForeignAuthority(self.mesh.dir / "foreign")
        self.ca.write_text(self.mesh.ca.read_text() + (foreign.dir / "foreign.crt").read_text())
        self.rendezvous.signal(signal.SIGHUP)
        wait_until(lambda: self.refused_resumption(agent), "the ticket is worth nothing under another bundle")
        self.rendezvous.wait_counted("resumption_refused")

    def refused_resumption(self, agent):
        resumed = self.again(agent)
        agent.close()
        return not resumed

    def test_an_expired_certificate(self):
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=6)
        prefix = self.mesh.authority.issue_odd("short", [AGENT], end=end.strftime("%Y%m%d%H%M%SZ"))
        agent = self.first(prefix)
        self.assertTrue(self.again(agent))
        agent.hello("nas1", boot_id=b"b" * 16, counter=2)
        with self.assertRaises((EOFError, ConnectionError, Refusal)):  # the session ends with its certificate
            while True:
                agent.register("web", claim=1)
                agent.control.receive()
        self.rendezvous.wait_counted("session_certificate_ended", seconds=10)
        with self.assertRaises((ssl.SSLError, ConnectionError, EOFError)):
            self.again(agent)
            agent.hello("nas1", boot_id=b"b" * 16, counter=3)
        self.rendezvous.wait_counted("certificate_expired")

    def test_a_changed_policy(self):
        agent = self.first()
        text = self.rendezvous.config.read_text()
        self.rendezvous.config.write_text(text + '[[policy]]\nagent = "spiffe://mesh.test/agent/office/{name}"\n'
                                                 'services = ["*.office"]\nendpoints = ["{name}"]\n')
        self.rendezvous.signal(signal.SIGHUP)
        wait_until(lambda: self.policy_denies(agent), "the policy of now decides")
        self.rendezvous.wait_counted("policy_denied")

    def policy_denies(self, agent):
        self.assertTrue(self.again(agent))
        try:
            agent.hello("nas1")
        except Refusal as refusal:
            return refusal.code == "policy_denied"
        finally:
            agent.close()
        return False
