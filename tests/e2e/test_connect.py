"""`connect`: calling a service by its name from another host's identity, through the relay."""
import json

from harness import LOOPBACK, MeshTest, free_port, run_program


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
