"""The README's commands do what it says, in the order it says it, and packaging/quickstart works."""
import os
import re
import subprocess
import tempfile
import unittest

from harness import LOOPBACK, READY, ROOT, MeshTest, Process, binary, needs_netns, needs_program, wait_until
from hosts import TOKEN, Host, lines_of

# Run by tests/run itself, or by the quickstart test below: to run them from here would be running in circles.
RUN_ELSEWHERE = ["packaging/quickstart", "packaging/dependencies build", "cmake --workflow --preset release", "tests/bench/run",
                 "packaging/dependencies device", "packaging/static/build x86-64 arm64 armhf"]
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
BLOCK = re.compile(r"^```(sh|toml)\n(.*?)^```$", re.M | re.S)


def environment(**more):
    path = os.pathsep.join({os.path.dirname(binary(name)): None for name in ("fairlead-agent", "fairlead-rendezvous")})
    return dict(os.environ, PATH=path + os.pathsep + os.environ["PATH"], **more)


class Readme(MeshTest):
    def setUp(self):
        super().setUp()
        self.readme = (ROOT / "README.md").read_text()
        self.here = self.mesh.dir / "readme"
        self.here.mkdir()

    @needs_netns  # its ports are the reader's, not free ones
    @needs_program("curl")
    def test_every_command_in_order(self):
        ran = []
        for kind, text in BLOCK.findall(self.readme):
            if kind == "toml":
                name = text.splitlines()[0].removeprefix("# ")
                (self.here / name).write_text(text)
                continue
            for line in text.splitlines():
                if line not in RUN_ELSEWHERE:
                    self.run_line(line)
                    ran.append(line)
        self.assertGreater(len(ran), 15)
        for program in ("fairlead-agent", "fairlead-rendezvous"):
            self.assertTrue(any(line.startswith(program) for line in ran))
        for command in RUN_ELSEWHERE:
            self.assertIn(command, self.readme)

    def run_line(self, line):
        with self.subTest(line):
            if line.endswith(" &"):
                # exec: the process to end is the program, not a shell around it.
                self.mesh.start_program(f"line-{len(self.mesh.processes)}", ["bash", "-c", "exec " + line.removesuffix(" &")],
                                        cwd=self.here, env=environment())
                return
            wait_until(lambda: self.succeeds(line), line + "\n" + self.last_output, READY)

    @needs_netns  # its names and ports are the reader's
    @needs_program("curl")
    def test_the_first_screen(self):
        (story,) = CONSOLE.findall(self.readme)
        names = ("server", "nas", "laptop")
        hosts = {name: Host(self.mesh.dir / name, ["rv.example.com"]) for name in names}
        page = self.here / "index.html"
        page.write_text("a page that only the nas has\n")
        self.mesh.start_program("page", ["python3", "-m", "http.server", "8080", "--bind", LOOPBACK, "--directory", self.here])
        token = None
        for host, line in lines_of(story):
            with self.subTest(f"{host}$ {line}"):
                line = line.replace("fl1_…", token or "")
                if line.endswith(" &"):
                    program, command = line.split()[:2]
                    self.mesh.start_program(f"{host}-{command}", hosts[host].command(line.removesuffix(" &")), env=environment())
                    if command == "run":  # a reader takes longer to type the next line
                        wait_until(lambda: hosts[host].run(f"{program} status", environment()).returncode in (0, 3), line)
                    continue
                answers = wait_until(lambda: self.answered(hosts[host], line), line, READY)
                found = TOKEN.search(answers)
                token = found[0] if found else token
        self.assertIn(page.read_text(), answers)

    def answered(self, host, line):
        """What it printed, once it succeeds: what runs beside it may not be up yet."""
        answer = host.run(line, environment())
        self.last_output = answer.stdout + answer.stderr
        return answer.stdout + "\n" if answer.returncode == 0 else None

    last_output = ""

    def succeeds(self, line):
        answer = subprocess.run(["bash", "-c", line], cwd=self.here, env=environment(), capture_output=True, text=True, timeout=30)
        self.last_output = answer.stdout + answer.stderr
        return answer.returncode == 0

    @needs_netns
    def test_expose_says_where_the_service_is(self):
        self.rendezvous = self.mesh.start_rendezvous()
        service = self.mesh.start_service()
        cert = self.mesh.issue("agent/home/laptop")
        log = self.mesh.dir / "expose.log"
        child = self.mesh.add(Process("expose", [binary("fairlead-agent"), "expose", f"web={service.target}", "--rendezvous",
                                                 f"{LOOPBACK}:{self.rendezvous.port}", "--cert", f"{cert}.crt", "--key", f"{cert}.key",
                                                 "--ca", self.mesh.ca], log))
        line = wait_until(lambda: next((line for line in child.lines() if "web.home" in line), None), "the first line")
        self.assertIn(f"{LOOPBACK}:{self.rendezvous.port}", line)
        self.assertIn("relay", line)


class Quickstart(unittest.TestCase):
    def run_quickstart(self, *words, **more):
        build = os.environ.get("FAIRLEAD_BIN", str(ROOT / "build" / "dev"))
        return subprocess.run([ROOT / "packaging" / "quickstart", *words], env=environment(FAIRLEAD_BIN=os.path.abspath(build), **more),
                              capture_output=True, text=True, timeout=120)

    def test_shows_and_cleans_up(self):
        answer = self.run_quickstart()
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)
        for word in ("A page of the nas", "1 connection relayed", "web.home", "spiffe://home.internal/agent/home/nas"):
            self.assertIn(word, answer.stdout)
        self.assertNotIn("\x1b", answer.stdout)

    def test_keep_can_be_tried_and_stopped(self):
        with tempfile.TemporaryDirectory() as keep:
            directory = os.path.join(keep, "quickstart")
            answer = self.run_quickstart("--keep", FAIRLEAD_QUICKSTART_DIR=directory)
            self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)
            tries = [line.strip() for line in answer.stdout.partition("Try:")[2].partition("Stop it:")[0].splitlines() if line.strip()]
            stop = answer.stdout.partition("Stop it:")[2].strip()
            try:
                for line in tries[1:]:
                    if not line.startswith("tail -f"):
                        said = subprocess.run(["bash", "-c", f"{tries[0]}; {line}"], capture_output=True, text=True, timeout=30)
                        self.assertEqual(said.returncode, 0, line + said.stderr)
            finally:
                with open(os.path.join(directory, "pids"), encoding="ascii") as file:
                    pids = [int(line) for line in file]
                subprocess.run(["bash", "-c", stop], timeout=30)
            wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "all of it has stopped")
