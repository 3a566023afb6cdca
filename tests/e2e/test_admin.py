"""What the programs answer: status and its shapes, explain, check, exit codes."""
import datetime
import json
import os
import subprocess
import unittest

from client import Caller, read_line
from harness import LOOPBACK, MeshTest, binary, free_port, run_program, wait_until

PROGRAMS = ("fairlead-agent", "fairlead-rendezvous")


class CommandLines(unittest.TestCase):
    def test_help_and_version(self):
        for program in PROGRAMS:
            for words in (["--help"], ["--version"], ["run", "--help"], ["check", "--help"], ["status", "--help"], ["explain", "--help"]):
                with self.subTest(program=program, words=words):
                    answer = run_program(program, *words)
                    self.assertEqual((answer.returncode, answer.stderr), (0, ""))
                    self.assertTrue(answer.stdout.strip())

    def test_unusable_arguments(self):
        for program in PROGRAMS:
            for words in ([], ["fly"], ["run"], ["run", "--config"], ["--log-level", "loud", "explain"], ["run", "--config", "a", "b"],
                          ["status", "--config", "a", "--socket", "b"], ["explain", "no_such_code"]):
                with self.subTest(program=program, words=words):
                    answer = run_program(program, *words)
                    self.assertEqual(answer.returncode, 2, answer)
                    self.assertTrue(answer.stderr.strip())
                    self.assertEqual(answer.stdout, "")

    def test_explain_knows_every_code(self):
        for program in PROGRAMS:
            answer = run_program(program, "explain", "--json")
            self.assertEqual(answer.returncode, 0)
            self.assertGreater(answer.stdout.count("_"), 50)
            for code in ("unknown_name", "ticket_forged", "ping_timeout", "address_in_use"):
                answer = run_program(program, "explain", code)
                self.assertEqual(answer.returncode, 0)
                self.assertIn(code, answer.stdout)
                self.assertGreaterEqual(len(answer.stdout.splitlines()), 2)
                self.assertTrue(json.loads(run_program(program, "explain", code, "--json").stdout))

    def test_explain_names_the_nearest_code(self):
        answer = run_program("fairlead-agent", "explain", "unknown_nam")
        self.assertEqual(answer.returncode, 2)
        self.assertIn("unknown_name", answer.stderr)

    def test_not_running(self):
        for program in PROGRAMS:
            answer = run_program(program, "status", "--socket", "/nonexistent/fairlead.sock")
            self.assertEqual(answer.returncode, 1)
            self.assertIn("not_running", answer.stderr)
            self.assertEqual(answer.stdout, "")


class Configurations(MeshTest):
    """check reads strictly; every complaint names file, line and key."""

    def setUp(self):
        super().setUp()
        self.mesh.rendezvous_port = 15443
        self.good = {"fairlead-agent": self.mesh.agent_config(services=[{"name": "web", "target": "127.0.0.1:8443"}]),
                     "fairlead-rendezvous": self.mesh.rendezvous_config()[0]}

    def test_good_files_pass(self):
        for program, config in self.good.items():
            answer = run_program(program, "check", "--config", config)
            self.assertEqual(answer.returncode, 0, answer.stderr)

    def test_a_file_that_is_not_named_is_found(self):
        home = self.mesh.dir / "home"
        elsewhere = {"HOME": str(home), "XDG_CONFIG_HOME": "", "PATH": os.environ["PATH"]}
        for program, config in self.good.items():
            file_name = program.replace("fairlead-", "") + ".toml"
            folder = self.mesh.dir / f"{program}.d"
            folder.mkdir()
            text = config.read_text()
            (folder / file_name).write_text(text)
            answers = [run_program(program, "check", "--dir", folder),
                       run_program(program, "check", env={**elsewhere, "FAIRLEAD_CONFIG": str(config)}),
                       run_program(program, "status", env={**elsewhere, "FAIRLEAD_CONFIG": str(config)}),
                       run_program(program, "run", env={**elsewhere, "FAIRLEAD_CONFIG": str(home / "missing.toml")})]
            self.assertEqual([answer.returncode for answer in answers], [0, 0, 1, 2], answers)
            self.assertIn(str(folder / file_name), answers[0].stdout)
            self.assertIn(str(config), answers[1].stdout)
            self.assertIn("not_running", answers[2].stderr)
            self.assertIn(str(home / "missing.toml"), answers[3].stderr)

    def broken(self, program, old, new):
        """Exit code and message for the good file with one change; the changed line's number."""
        text = self.good[program].read_text()
        self.assertIn(old, text)
        changed = text.replace(old, new, 1)
        path = self.mesh.dir / "broken.toml"
        path.write_text(changed)
        line = changed[:changed.index(new)].count("\n") + new.count("\n") + 1
        return run_program(program, "check", "--config", path), path, line

    def assert_broken(self, program, old, new, *words):
        with self.subTest(new=new):
            answer, path, line = self.broken(program, old, new)
            self.assertEqual(answer.returncode, 2, answer)
            self.assertEqual(len(answer.stderr.strip().splitlines()), 1, answer.stderr)
            for word in (f"{path}:{line}", *words):
                self.assertIn(word, answer.stderr)

    def test_broken_agent_files(self):
        for old, new, *words in [
                ('name = "nas1"', 'name = "nas 1"', "agent.name"),
                ('name = "nas1"', 'nmae = "nas1"', "nmae", "name"),
                ('name = "nas1"', 'name = 7', "agent.name"),
                ('name = "nas1"', 'name = "${FAIRLEAD_NOT_SET}"', "FAIRLEAD_NOT_SET"),
                ('cluster = "home"', 'cluster = "home.example"', "agent.cluster"),
                ('name = "web"', 'name = "web.home"', "name"),
                ('target = "127.0.0.1:8443"', 'target = "127.0.0.1"', "target"),
                ('target = "127.0.0.1:8443"', 'target = "127.0.0.1:8443"\ntls = "ended"', "tls"),
                ('target = "127.0.0.1:8443"', 'target = "127.0.0.1:8443"\nproxy_protocol = "v3"', "proxy_protocol", "v2"),
                ('target = "127.0.0.1:8443"', 'target = "127.0.0.1:99999"', "target"),
                ('mapping = "off"', 'mapping = "sometimes"', "mapping")]:
            self.assert_broken("fairlead-agent", old, new, *words)

    def test_files_that_are_no_toml(self):
        for program in PROGRAMS:
            answer, path, _ = self.broken(program, "[identity]", "x = [\n[identity]")
            self.assertEqual(answer.returncode, 2)
            self.assertIn(f"{path}:", answer.stderr)

    def test_broken_rendezvous_files(self):
        for old, new, *words in [
                ("workers = 2", "wrokers = 2", "wrokers", "workers"),
                ("workers = 2", "workers = -1", "workers"),
                ('drain_delay = "200ms"', 'drain_delay = 200', "drain_delay"),
                ('drain_delay = "200ms"', 'drain_delay = "200 parsecs"', "drain_delay"),
                ('access = "all"', 'access = "some"', "access", "failures"),
                ('access = "all"', 'access = "all"\n[limits]\nrelays_max = "many"', "relays_max"),
                ('access = "all"', 'access = "all"\n[[policy]]\nagent = "http://x/{name}"', "agent"),
                ('access = "all"', 'access = "all"\n[[port]]\nlisten = "nowhere"', "listen")]:
            self.assert_broken("fairlead-rendezvous", old, new, *words)

    def test_files_that_are_not_there(self):
        for program, config in self.good.items():
            with self.subTest(program):
                answer = run_program(program, "check", "--config", "/nonexistent.toml")
                self.assertEqual(answer.returncode, 2)
                text = config.read_text()
                key = next(line for line in text.splitlines() if line.startswith("key = "))
                config.write_text(text.replace(key, 'key = "/nonexistent.key"'))
                answer = run_program(program, "check", "--config", config)
                self.assertEqual(answer.returncode, 2)
                self.assertIn("/nonexistent.key", answer.stderr)

    def test_a_key_that_does_not_fit_its_certificate(self):
        other = self.mesh.issue("client/alice")
        for program, config in self.good.items():
            with self.subTest(program):
                text = config.read_text()
                key = next(line for line in text.splitlines() if line.startswith("key = "))
                config.write_text(text.replace(key, f'key = "{other}.key"'))
                answer = run_program(program, "check", "--config", config)
                self.assertEqual(answer.returncode, 2, answer)

    def test_run_refuses_what_check_refuses(self):
        for program, config in self.good.items():
            config.write_text(config.read_text() + "[nonsense]\n")
            answer = run_program(program, "run", "--config", config)
            self.assertEqual(answer.returncode, 2)
            self.assertIn("nonsense", answer.stderr)

    def test_tables_for_others_are_ignored(self):
        for program, config in self.good.items():
            config.write_text(config.read_text() + "[x-notes]\nanything = true\n")
            self.assertEqual(run_program(program, "check", "--config", config).returncode, 0)

    def test_lenient_agent_runs_with_unknown_keys(self):
        rendezvous = self.mesh.start_rendezvous(port=free_port())
        self.mesh.rendezvous_port = rendezvous.port
        config = self.mesh.agent_config()
        config.write_text(config.read_text() + "[future]\nkey = 1\n")
        self.assertEqual(run_program("fairlead-agent", "run", "--config", config).returncode, 2)
        child = self.mesh.start_program("lenient", [binary("fairlead-agent"), "run", "--lenient", "--config", config])
        wait_until(lambda: rendezvous.status()["agents"]["total"] == 1, "it runs all the same")
        self.assertIn("future", child.log.read_text())


class Status(MeshTest):
    def setUp(self):
        super().setUp()
        self.start_web(tables={"limits": {"ping_interval": "2s"}})
        self.tls = Caller(self.mesh).connect("web.home")
        self.addCleanup(self.tls.close)
        self.tls.sendall(b"hold\n")
        read_line(self.tls)

    def assert_time(self, text):
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        self.assertIsNotNone(moment.tzinfo)
        return moment

    def test_rendezvous_summary(self):
        state = self.rendezvous.status()
        for key in ("version", "started", "instance", "identity", "limits", "agents", "services", "relays", "closed", "refused", "problems"):
            self.assertIn(key, state)
        self.assert_time(state["started"])
        self.assert_time(state["identity"]["not_after"])
        self.assertEqual(state["identity"]["id"], "spiffe://mesh.test/rendezvous/rv1")
        self.assertEqual(state["agents"]["total"], 1)
        self.assertEqual(state["services"]["total"], 1)
        self.assertEqual(state["relays"]["live"], 1)
        self.assertEqual(state["problems"], [])
        for name in ("unclassified_max", "handshakes_max", "relays_max", "relays_per_source", "relays_per_service", "relays_per_agent"):
            self.assertGreater(state["limits"][name]["max"], 0)
            self.assertIsInstance(state["limits"][name]["used"], int)
        self.assertEqual(state["limits"]["relays_max"]["used"], 1)

    def test_rendezvous_agents(self):
        (agent,) = self.rendezvous.status("agents")["agents"]
        self.assertEqual((agent["id"], agent["name"], agent["cluster"]), ("spiffe://mesh.test/agent/home/nas1", "nas1", "home"))
        self.assertEqual(agent["services"], ["web.home"])
        self.assert_time(agent["since"])
        self.assertGreater(wait_until(lambda: self.rendezvous.status("agents")["agents"][0]["rtt"], "rtt is measured"), 0)
        self.assertTrue(agent["address"].startswith(f"{LOOPBACK}:"))
        self.assertIn("version", agent)

    def test_rendezvous_services(self):
        (service,) = self.rendezvous.status("services")["services"]
        self.assertEqual((service["service"], service["path"], service["state"]), ("web.home", "relay", "live"))
        self.assertIn("nas1", service["endpoint"])
        self.assertEqual(service["address"], f"{LOOPBACK}:{self.rendezvous.port}")
        self.assert_time(service["since"])

    def test_rendezvous_relays_and_filters(self):
        self.assertEqual(len(self.rendezvous.status("relays")["relays"]), 1)
        self.assertEqual(len(self.rendezvous.status("agents", "--agent", "nas*")["agents"]), 1)
        self.assertEqual(self.rendezvous.status("agents", "--agent", "other*")["agents"], [])
        self.assertEqual(len(self.rendezvous.status("services", "--service", "*.home")["services"]), 1)
        self.assertEqual(self.rendezvous.status("services", "--service", "other.*")["services"], [])
        self.assertEqual(len(self.rendezvous.status("agents", "--limit", "1")["agents"]), 1)

    def test_agent(self):
        state = self.agent.status()
        for key in ("version", "started", "identity", "services", "rendezvous", "mappings", "closed", "refused", "problems"):
            self.assertIn(key, state)
        self.assertEqual(state["problems"], [])
        self.assert_time(state["started"])
        self.assertEqual(state["identity"]["id"], "spiffe://mesh.test/agent/home/nas1")
        (service,) = state["services"]
        self.assertEqual((service["name"], service["path"]), ("web.home", "relay"))
        self.assertEqual(service["address"], f"{LOOPBACK}:{self.rendezvous.port}")
        self.assert_time(service["since"])
        (rendezvous,) = state["rendezvous"]
        self.assertEqual(rendezvous["address"], f"{LOOPBACK}:{self.rendezvous.port}")
        self.assert_time(rendezvous["since"])
        self.assertEqual(rendezvous["channels"]["busy"], 1)
        self.assertGreaterEqual(rendezvous["channels"]["ready"], 1)
        self.assertEqual(state["mappings"], [])

    def test_text_for_people(self):
        for program, daemon, words in (("fairlead-agent", self.agent, [[]]),
                                       ("fairlead-rendezvous", self.rendezvous, [[], ["agents"], ["services"], ["relays"]])):
            for view in words:
                answer = run_program(program, "status", *view, "--config", daemon.config)
                self.assertEqual((answer.returncode, answer.stderr), (0, ""))
                self.assertTrue(answer.stdout.strip())
                self.assertNotIn("\x1b", answer.stdout)

    def test_logs_are_one_record_a_line(self):
        self.tls.close()
        records = wait_until(lambda: [r for r in self.rendezvous.records(service="web.home") if "conn" in r], "the access line")
        self.assertEqual(len(records[-1]["conn"]), 32)
        for line in self.rendezvous.lines() + self.agent.lines():
            self.assertEqual(set(json.loads(line)) & {"ts", "level", "msg"}, {"ts", "level", "msg"})


class Authority(MeshTest):
    def test_openssl_accepts_the_chains(self):
        prefix = self.mesh.issue("service/web", dns=["web.home"], ip=["127.0.0.1", "::1"])
        for purpose in ("sslserver", "sslclient"):
            words = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", self.mesh.dir / "ca" / "root.crt",
                     "-untrusted", f"{prefix}.crt", f"{prefix}.crt"]
            answer = subprocess.run(words, capture_output=True, text=True)
            self.assertEqual(answer.returncode, 0, answer.stderr)
            words[words.index("-CAfile") + 1] = self.mesh.ca
            self.assertEqual(subprocess.run(words, capture_output=True).returncode, 0)
        text = subprocess.run(["openssl", "x509", "-noout", "-text", "-in", f"{prefix}.crt"], capture_output=True, text=True).stdout
        for word in ("URI:spiffe://mesh.test/service/web", "DNS:web.home", "IP Address:127.0.0.1", "CA:FALSE", "Digital Signature",
                     "TLS Web Server Authentication, TLS Web Client Authentication", "prime256v1", "ecdsa-with-SHA256"):
            self.assertIn(word, text)

    def test_keys_are_private_and_nothing_is_overwritten(self):
        prefix = self.mesh.issue("service/web")
        for key in [*self.mesh.authority.dir.glob("*.key"), prefix.with_suffix(".key")]:
            self.assertEqual(key.stat().st_mode & 0o777, 0o600, key)
        before = (self.mesh.authority.dir / "root.key").read_bytes()
        answer = run_program("fairlead-rendezvous", "ca", "init", "--dir", self.mesh.authority.dir, "--trust-domain", "mesh.test")
        self.assertNotEqual(answer.returncode, 0)
        self.assertEqual((self.mesh.authority.dir / "root.key").read_bytes(), before)

    def test_identities_outside_the_trust_domain_are_not_issued(self):
        for identity in ("spiffe://other.test/agent/home/nas1", "https://mesh.test/x", "spiffe://mesh.test/", "spiffe://mesh.test/a//b",
                         "spiffe://mesh.test/../b", "spiffe://mesh.test/a b"):
            with self.subTest(identity):
                answer = run_program("fairlead-rendezvous", "ca", "issue", "--dir", self.mesh.authority.dir, "--id", identity,
                                     "--out", self.mesh.dir / "odd")
                self.assertIn(answer.returncode, (1, 2))
                self.assertFalse((self.mesh.dir / "odd.crt").exists())
