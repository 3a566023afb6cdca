"""`expose` and `unexpose`: services come and go at an agent that runs, and stay over its restart."""
import http.server
import json
import os
import signal
import subprocess
import threading
import unittest

from harness import LOOPBACK, READY, MeshTest, Process, binary, free_port, needs_program, run_program, toml_document, wait_until

USUAL = ("/etc/fairlead/agent.toml", "/run/fairlead-agent/control.sock", os.path.expanduser("~/.config/fairlead/agent.toml"))


class Page:
    """A web server without TLS, as anybody has one."""

    def __init__(self, text):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.target = f"http://{LOOPBACK}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class ExposeTest(MeshTest):
    """A server that `setup` made and a host that joined it. No command is told where the configuration is."""

    def setUp(self):
        super().setUp()
        self.port, self.home = free_port(), self.mesh.dir / "server"
        made = run_program("fairlead-rendezvous", "setup", "--public", f"{LOOPBACK}:{self.port}", "--dir", self.home)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.rendezvous = self.mesh.run_rendezvous("setup", self.home / "rendezvous.toml")
        self.config = self.join("nas1")
        self.folder = self.config.parent / "services.d"

    def join(self, name):
        token = run_program("fairlead-rendezvous", "token", "create", "--config", self.rendezvous.config).stdout.strip()
        directory = self.mesh.dir / name
        joined = run_program("fairlead-agent", "join", token, "--name", name, "--dir", directory)
        self.assertEqual(joined.returncode, 0, joined.stderr)
        with open(directory / "agent.toml", "a", encoding="utf-8") as out:
            out.write(toml_document({"nat": {"mapping": "off", "listen": []}}))
        return directory / "agent.toml"

    def environment(self, config=None):
        return dict(os.environ, FAIRLEAD_CONFIG=str(config or self.config))

    def agent_program(self, *words, config=None):
        return run_program("fairlead-agent", *words, env=self.environment(config), timeout=60)

    def run_agent(self):
        self.agent = self.mesh.run_agent("nas1", self.config, ready=False)
        wait_until(lambda: self.servers() == ["up"], "the agent has its session")

    def servers(self):
        return [each["state"] for each in (self.agent.status() or {"rendezvous": []})["rendezvous"]]

    def services(self):
        return {each["name"]: each["path"] for each in self.agent.status()["services"]}

    def files(self):
        return {file.name: file.read_text() for file in self.folder.iterdir()} if self.folder.exists() else {}

    def page(self, text="a page of a server that speaks no TLS"):
        page = Page(text)
        self.addCleanup(page.close)
        return page

    def exposed(self, *words):
        answer = self.agent_program("expose", *words)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return answer.stdout

    def refused(self, exit_code, *words):
        """The one line of a command that fails and changes nothing."""
        before = self.files()
        answer = self.agent_program(*words)
        self.assertEqual((answer.returncode, answer.stdout), (exit_code, ""), answer.stderr)
        self.assertEqual(answer.stderr.count("\n"), 1, answer.stderr)
        self.assertEqual(self.files(), before)
        return answer.stderr


class Exposed(ExposeTest):
    def setUp(self):
        super().setUp()
        self.run_agent()

    def fetch(self, address):
        curl = subprocess.run(["curl", "-sS", "--max-time", str(READY), f"http://{address}/"], capture_output=True, text=True)
        return curl.stdout

    @needs_program("curl")
    def test_the_whole_story(self):
        page = self.page()
        self.assertEqual(self.exposed(f"web={page.target}"), f"web.home relay {LOOPBACK}:{self.port}\n")
        self.assertEqual(list(self.files()), ["web.toml"])
        laptop = self.join("laptop")
        call = self.mesh.start_program("connect", [binary("fairlead-agent"), "connect", "web.home"], env=self.environment(laptop))
        address = wait_until(lambda: call.lines() or not call.running(), "connect prints where it listens")[0]
        self.assertIn("speaks no TLS", self.fetch(address))
        self.agent.stop()
        self.agent = self.mesh.run_agent("nas1", self.config)
        self.assertEqual(self.services(), {"web.home": "relay"})
        wait_until(lambda: "speaks no TLS" in self.fetch(address), "the service has survived its agent")
        taken = self.agent_program("unexpose", "web")
        self.assertEqual((taken.returncode, taken.stdout), (0, "web is not exposed any more\n"), taken.stderr)
        self.assertEqual((self.files(), self.services()), ({}, {}))
        check = self.agent_program("connect", "web.home", "--check", config=laptop)
        self.assertEqual(check.returncode, 1)
        self.assertTrue(check.stderr.startswith("fairlead-agent: no_endpoint: "), check.stderr)

    def test_a_name_again_replaces_and_others_stay(self):
        old, new = self.page("old"), self.page("new")
        self.exposed(f"web={old.target}", f"db={old.target}")
        told = json.loads(self.exposed(f"web={new.target}", "--allow", "mesh", "--json"))
        self.assertEqual(told, {"name": "web.home", "path": "relay", "address": f"{LOOPBACK}:{self.port}"})
        self.assertIn(new.target.removeprefix("http://"), self.files()["web.toml"])
        self.assertIn('allow = ["mesh"]', self.files()["web.toml"])
        self.assertEqual(self.services(), {"web.home": "relay", "db.home": "relay"})
        json.loads(self.agent_program("unexpose", "web", "--json").stdout)
        self.assertEqual(self.services(), {"db.home": "relay"})
        self.assertEqual(list(self.files()), ["db.toml"])

    def test_a_unix_path_is_the_shells(self):
        answer = run_program("fairlead-agent", "expose", "web=tcp+unix:web.sock", env=self.environment(), cwd=self.mesh.dir)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn(f'"unix:{self.mesh.dir}/web.sock"', self.files()["web.toml"])

    def test_what_cannot_be_exposed_leaves_nothing_behind(self):
        self.exposed("web=tcp://127.0.0.1:1")
        self.assertIn("web=tcp://nowhere: TARGET is not usable", self.refused(2, "expose", "web=tcp://nowhere"))
        long = "x" * 105  # fits, but not behind the folder
        self.assertIn("shop.toml:4: service[1].target: the path is", self.refused(2, "expose", "db=a:1", f"shop=tcp+unix:{long}"))
        with open(self.config, "a", encoding="utf-8") as out:
            out.write(toml_document({"service": [{"name": "own", "target": "127.0.0.1:1"}]}))
        self.assertIn(f"name_taken: own stands in {self.config}: change it there", self.refused(1, "expose", "own=a:1"))
        (self.folder / "more.toml").write_text(toml_document({"service": [{"name": n, "target": "127.0.0.1:1"} for n in ("more", "most")]}))
        self.assertIn("name_taken: most stands in", self.refused(1, "expose", "most=a:1"))
        self.assertIn("holds other services beside more", self.refused(1, "expose", "more=a:1"))
        (self.folder / "more.toml").write_text("[[service]\n")
        self.assertIn("more.toml:1: ", self.refused(2, "expose", "db=a:1"))
        (self.folder / "more.toml").unlink()
        self.config.write_text(self.config.read_text().replace("[agent]\n", "[agent]\ninclude = []\n"))
        self.assertIn(f"[agent] include names no {self.folder}/db.toml", self.refused(2, "expose", "db=a:1"))
        self.assertEqual(self.services(), {"web.home": "relay"})

    def test_what_cannot_be_taken_away(self):
        self.exposed("web=tcp://127.0.0.1:1")
        self.assertIn("unknown_service: db; exposed here: web", self.refused(1, "unexpose", "db"))
        with open(self.config, "a", encoding="utf-8") as out:
            out.write(toml_document({"service": [{"name": "own", "target": "127.0.0.1:1"}]}))
        self.assertIn(f"name_taken: own stands in {self.config}: take it out there", self.refused(1, "unexpose", "own"))
        (self.folder / "more.toml").write_text("[[service]\n")
        self.assertIn("more.toml:1: ", self.refused(2, "unexpose", "web"))
        self.assertEqual(self.services(), {"web.home": "relay"})  # asked beside a file that cannot be read
        self.agent.stop()
        (self.folder / "more.toml").unlink()
        self.assertEqual(self.agent_program("unexpose", "web").returncode, 0)
        self.assertEqual(self.files(), {})

    def test_a_broken_file_of_its_own_is_taken_away(self):
        self.exposed("web=tcp://127.0.0.1:1")
        (self.folder / "web.toml").write_text("[[service]\n")
        self.assertEqual(self.agent_program("unexpose", "web").returncode, 0)
        self.assertEqual((self.files(), self.services()), ({}, {}))

    def test_no_server_for_a_while(self):
        self.rendezvous.stop()
        answer = self.agent_program("expose", "web=tcp://127.0.0.1:1")
        self.assertEqual((answer.returncode, answer.stdout), (1, ""))
        self.assertIn("connect_refused: web is exposed for good, but no server has it yet: ", answer.stderr)
        self.assertEqual(list(self.files()), ["web.toml"])
        self.rendezvous = self.mesh.run_rendezvous("setup", self.home / "rendezvous.toml")
        wait_until(lambda: self.services() == {"web.home": "relay"}, "the agent goes on asking")


class Policy(MeshTest):
    def test_what_the_server_refuses_is_undone(self):
        policy = [{"agent": "spiffe://mesh.test/agent/{c}/{n}", "services": ["web.{c}"], "endpoints": ["{n}"]}]
        self.rendezvous = self.mesh.start_rendezvous(tables={"policy": policy})
        agent = self.mesh.start_agent(services=[{"name": "web", "target": "127.0.0.1:1"}])
        answer = run_program("fairlead-agent", "expose", "db=127.0.0.1:1", "--socket", self.mesh.dir / "nas1.sock")
        self.assertEqual((answer.returncode, answer.stdout), (1, ""))
        self.assertTrue(answer.stderr.startswith("fairlead-agent: policy_denied: db: "), answer.stderr)
        self.assertEqual(list((self.mesh.dir / "services.d").iterdir()), [])
        self.assertEqual([each["name"] for each in agent.status()["services"]], ["web.home"])


class Foreground(ExposeTest):
    """No agent runs."""

    def start_expose(self, *words):
        child = self.mesh.add(Process("expose", [binary("fairlead-agent"), "expose", *words], self.mesh.dir / "expose.log",
                                      env=self.environment()))
        wait_until(lambda: any("relay" in line for line in child.lines()) or not child.running(), "the service is reached")
        return child

    def test_with_the_identity_of_the_configuration(self):
        page = self.page()
        child = self.start_expose(f"web={page.target}")
        self.assertIn(f"web.home relay {LOOPBACK}:{self.port}", child.lines())
        check = self.agent_program("connect", "web.home", "--check", config=self.join("laptop"))
        self.assertEqual(check.returncode, 0, check.stderr)
        self.assertIn("which keeps nothing", self.refused(2, "expose", "db=a:1"))
        self.assertIn("which keeps nothing", self.refused(2, "unexpose", "web"))
        child.signal(signal.SIGINT)
        self.assertEqual(child.wait(), 0)
        self.assertFalse(self.folder.exists())

    @unittest.skipIf(any(os.path.exists(path) for path in USUAL), "an agent lives on this host")
    def test_who_has_not_joined_is_told_so(self):
        environment = {key: value for key, value in os.environ.items() if key not in ("FAIRLEAD_CONFIG", "XDG_CONFIG_HOME")}
        answer = run_program("fairlead-agent", "expose", "web=tcp://127.0.0.1:1", env=environment)
        self.assertEqual((answer.returncode, answer.stdout, answer.stderr.count("\n")), (2, "", 1))
        self.assertIn("this host has not joined: `fairlead-agent join TOKEN` first", answer.stderr)
