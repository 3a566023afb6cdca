"""What both programs owe to their surroundings: signals, standard streams, files, addresses, rights."""
import fcntl
import json
import os
import pathlib
import resource
import signal
import subprocess

from client import Caller
from harness import LOOPBACK, Daemon, MeshTest, binary, free_port, needs_netns, port_open, run_program, sanitized, wait_until


def full_pipe():
    """A pipe that takes nothing more; both ends."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    for size in (4096, 1):
        try:
            while True:
                os.write(writer, b"x" * size)
        except BlockingIOError:
            pass
    fcntl.fcntl(writer, fcntl.F_SETFL, 0)
    return reader, writer


def field(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split()[1]
    raise AssertionError(f"no {name}")


class Unread(Daemon):
    """A program whose stderr is `writer`."""

    def __init__(self, name, program, config, log, writer):
        self.program, self.config, self.name, self.log = program, config, name, log
        log.touch()
        self.command = [binary(program), "--log-level", "debug", "run", "--config", str(config)]
        self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer)


class StandardStreams(MeshTest):
    def start_unread(self, name, program, config):
        reader, writer = full_pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        daemon = self.mesh.add(Unread(name, program, config, self.mesh.dir / f"{name}.log", writer))
        wait_until(lambda: daemon.status() or not daemon.running(), f"{name} answers")
        return daemon

    def test_nobody_reads_stderr(self):
        config, self.mesh.rendezvous_port = self.mesh.rendezvous_config()
        rendezvous = self.start_unread("rv1", "fairlead-rendezvous", config)
        service = self.mesh.start_service()
        agent = self.start_unread("nas1", "fairlead-agent",
                                  self.mesh.agent_config(services=[{"name": "web", "target": service.target}]))
        wait_until(lambda: rendezvous.status()["services"]["total"] == 1, "the service is registered")
        for _ in range(20):
            self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")
        for daemon in (agent, rendezvous):
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(10), 0)

    def test_closed_descriptors_are_never_anything_else(self):
        config, _ = self.mesh.rendezvous_config()

        def close_all():
            for number in (0, 1, 2):
                os.close(number)

        child = subprocess.Popen([binary("fairlead-rendezvous"), "run", "--config", config], preexec_fn=close_all)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        wait_until(lambda: run_program("fairlead-rendezvous", "status", "--config", config).returncode in (0, 3), "it answers")
        for number in (0, 1, 2):
            self.assertEqual(os.readlink(f"/proc/{child.pid}/fd/{number}"), "/dev/null")


class Signals(MeshTest):
    def test_a_reload_asked_for_while_it_starts(self):
        config, self.mesh.rendezvous_port = self.mesh.rendezvous_config()
        for program, file in (("fairlead-rendezvous", config), ("fairlead-agent", self.mesh.agent_config())):
            with self.subTest(program):
                daemon = self.mesh.add(Daemon(program, program, file, self.mesh.dir / f"{program}.log"))
                wait_until(lambda: int(field(daemon.pid, "SigBlk"), 16) & 1 or int(field(daemon.pid, "SigCgt"), 16) & 1,
                           "main has begun")
                daemon.signal(signal.SIGHUP)
                daemon.wait_logged(msg="reloaded", seconds=15)
                self.assertTrue(daemon.running())


class Files(MeshTest):
    def test_a_file_where_the_socket_should_be_stays(self):
        for program, table, key, make in (("fairlead-rendezvous", "server", "admin", lambda t: self.mesh.rendezvous_config(tables=t)[0]),
                                          ("fairlead-agent", "agent", "control",
                                           lambda t: self.mesh.agent_config(rendezvous=["127.0.0.1:1"], tables=t))):
            with self.subTest(program):
                file = self.mesh.dir / f"{program}.key"
                file.write_text("a key")
                config = make({table: {key: f"unix:{file}"}})
                for command in ("check", "run"):
                    answer = run_program(program, command, "--config", config)
                    self.assertEqual(answer.returncode, 2, answer.stderr)
                    self.assertIn("is no socket", answer.stderr)
                self.assertEqual(file.read_text(), "a key")

    def test_a_state_dir_that_cannot_be_written(self):
        blocked = "/dev/null/state"
        self.start_web(tables={"server": {"state_dir": blocked}})
        agent = self.mesh.start_agent("nas2", rendezvous=[f"{LOOPBACK}:{self.rendezvous.port}"], ready=False,
                                      services=[{"name": "db", "target": self.service.target}],
                                      tables={"agent": {"state_dir": blocked}})
        for daemon in (self.rendezvous, agent):
            with self.subTest(daemon.name):
                daemon.wait_logged(reason="state_unwritable")
                problems = wait_until(lambda: (daemon.status() or {}).get("problems"), "it names the problem")
                self.assertTrue(any("state_unwritable" in str(problem) for problem in problems), problems)
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")


class Addresses(MeshTest):
    LATE = "192.0.2.77"

    def start(self):
        port = free_port()
        return self.mesh.start_rendezvous(port=port, tables={
            "server": {"listen": [f"{LOOPBACK}:{port}", f"{self.LATE}:{port}"]}})

    def test_what_can_listen_listens_and_the_rest_is_named(self):
        rendezvous = self.start()
        self.assertTrue(port_open(rendezvous.port))
        self.assertTrue(any("address_missing" in str(problem) for problem in rendezvous.status()["problems"]))

    @needs_netns
    def test_an_address_that_comes_later_is_listened_on(self):
        rendezvous = self.start()
        subprocess.run(["ip", "address", "add", f"{self.LATE}/32", "dev", "lo"], check=True)
        self.addCleanup(subprocess.run, ["ip", "address", "del", f"{self.LATE}/32", "dev", "lo"])
        rendezvous.wait_logged(msg="listening", address=f"{self.LATE}:{rendezvous.port}", seconds=10)
        self.assertFalse(any("address_missing" in str(problem) for problem in rendezvous.status()["problems"]))

    def test_the_second_server_is_told_whose_the_address_is(self):
        rendezvous = self.mesh.start_rendezvous()
        answer = run_program("fairlead-rendezvous", "run", "--config", rendezvous.config)
        self.assertEqual(answer.returncode, 1)
        self.assertIn(f"process {rendezvous.pid}", answer.stderr)
        self.assertEqual(len([line for line in answer.stderr.splitlines() if "address_in_use" in line]), 1)


class Descriptors(MeshTest):
    def test_their_table_has_its_size_before_it_is_needed(self):
        """Its growth stops the thread that opens one more, for a grace period of the whole kernel."""
        self.start_web()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for daemon, room in ((self.rendezvous, 65536), (self.agent, 4096)):
            self.assertGreaterEqual(int(field(daemon.pid, "FDSize")), min(limit, room), daemon.program)


class Confinement(MeshTest):
    LEFT = {"fairlead-rendezvous": {2, 24}, "fairlead-agent": {2, 13, 24}}  # capabilities(7)

    def test_both_programs_keep_what_they_need(self):
        self.start_web()
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")
        for daemon in (self.rendezvous, self.agent):
            for task in os.listdir(f"/proc/{daemon.pid}/task"):
                with self.subTest(program=daemon.program, task=task):
                    held = int(field(f"{daemon.pid}/task/{task}", "CapPrm"), 16)
                    self.assertFalse({bit for bit in range(64) if held >> bit & 1} - self.LEFT[daemon.program])
                    if not sanitized():  # the filter brings it to the thread that is older
                        self.assertEqual(field(f"{daemon.pid}/task/{task}", "NoNewPrivs"), "1")
                        self.assertEqual(field(f"{daemon.pid}/task/{task}", "Seccomp"), "2")

    def test_it_can_be_switched_off(self):
        self.start_web(tables={"server": {"confine": False}})
        self.assertEqual(field(self.rendezvous.pid, "NoNewPrivs"), "0")
        self.assertEqual(field(self.rendezvous.pid, "Seccomp"), "0")
        self.rendezvous.wait_logged(level="warn", msg="not confined: server.confine is false")

    def test_a_reload_works_under_it(self):
        self.start_web()
        other = self.mesh.issue("rendezvous/other", dns=["rv1.test"], ip=self.mesh.rendezvous_ips)
        text = self.rendezvous.config.read_text().replace(f'{self.mesh.issue("rendezvous/rv1", dns=["rv1.test"], ip=self.mesh.rendezvous_ips)}.', f"{other}.")
        self.rendezvous.config.write_text(text)
        self.rendezvous.signal(signal.SIGHUP)
        wait_until(lambda: self.rendezvous.status()["identity"]["id"].endswith("/other"), "the other identity is used")
        # And what is renewed from now on is the other file.
        renewed = self.mesh.issue("rendezvous/other", dns=["rv1.test"], ip=[LOOPBACK], days=7)
        before = self.rendezvous.status()["identity"]["not_after"]
        for suffix in (".key", ".crt"):
            staged = other.with_suffix(suffix + ".new")
            staged.write_bytes(renewed.with_suffix(suffix).read_bytes())
            staged.rename(other.with_suffix(suffix))
        wait_until(lambda: self.rendezvous.status()["identity"]["not_after"] != before, "the renewed one is used", 30)


class Named(MeshTest):
    def test_every_key_that_needs_a_restart_is_named_and_no_other(self):
        self.start_web(tables={"server": {"domains": ["mesh.test"]}})
        text = self.rendezvous.config.read_text()
        self.rendezvous.config.write_text(text.replace('domains = ["mesh.test"]', 'domains = ["other.test"]'))
        self.rendezvous.signal(signal.SIGHUP)
        self.rendezvous.wait_logged(msg="reloaded")
        named = [json.loads(line)["key"] for line in self.rendezvous.lines() if "needs a restart" in line]
        self.assertEqual(named, ["server.domains"])
