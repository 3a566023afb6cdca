"""Starts the two programs and their peers for one test: a throw-away CA, configurations, processes, logs, conditions.

Everything lives in one temporary directory and talks over loopback. What a test starts through its Mesh ends with it, by
process id; when the test fails, the tail of every log is printed.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from certs import Authority

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = pathlib.Path(__file__).resolve().parent
TRUST_DOMAIN = "mesh.test"
LOOPBACK = "127.0.0.1"
READY = 15  # seconds a program may take to do what it was started for
NOT_WELL = 3  # the exit code of a status that shows problems
SOON = 5  # seconds for what should happen at once
IN_NETNS = os.environ.get("FAIRLEAD_E2E_NETNS") == "1"

needs_netns = unittest.skipUnless(IN_NETNS, "needs a network namespace of its own")


def needs_program(name):
    return unittest.skipUnless(find_program(name), f"{name} is not installed")


def find_program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def binary(name):
    """The program under test: from FAIRLEAD_BIN (a build directory or a flat one), else from build/dev."""
    base = pathlib.Path(os.environ.get("FAIRLEAD_BIN", ROOT / "build" / "dev")).resolve()
    for candidate in (base / name.removeprefix("fairlead-") / name, base / name):
        if candidate.is_file():
            return str(candidate)
    raise FileNotFoundError(f"{name} not found under {base}; build first, or set FAIRLEAD_BIN")


def sanitized():
    """Whether the programs under test were built with the address sanitizer, which keeps freed memory for a while."""
    return b"__asan_init" in pathlib.Path(binary("fairlead-rendezvous")).read_bytes()


def wait_until(condition, what, seconds=READY):
    """Polls until condition() is true and returns its value; the only place where tests spend time on purpose."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def free_port():
    """A port below the ephemeral range, so that no outgoing connection can take it before its user binds it."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
                return port
            except OSError:
                continue


def die_with_parent():
    """A test that is killed leaves nothing behind (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(str(value)) if isinstance(value, (str, pathlib.Path)) else str(value)


def toml_document(tables):
    """{"server": {...}, "policy": [{...}]} as TOML; a list of dictionaries becomes an array of tables."""
    text = []
    for name, content in tables.items():
        for table in content if isinstance(content, list) else [content]:
            text.append(f"[[{name}]]" if isinstance(content, list) else f"[{name}]")
            text += [f"{key} = {toml(value)}" for key, value in table.items()]
    return "\n".join(text) + "\n"


class Process:
    """One child process and its log file; with `netns`, on that host of a laboratory (natlab_netns.Namespace)."""

    def __init__(self, name, command, log, netns=None, **kwargs):
        self.name, self.command, self.log = name, [str(word) for word in command], log
        with netns.inside() if netns else contextlib.nullcontext(), open(log, "ab") as out:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=kwargs.pop("stdout", out),
                                          stderr=out, preexec_fn=die_with_parent, **kwargs)

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def signal(self, number):
        if self.running():
            self.child.send_signal(number)

    def wait(self, seconds=SOON):
        return self.child.wait(seconds)

    def stop(self, seconds=SOON):
        """SIGTERM, then SIGKILL for whom it does not move; a stopped process is woken first."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.wait()

    def memory(self):
        """Resident bytes that are the process's own."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no RssAnon")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def lines(self):
        return self.log.read_text(errors="replace").splitlines()

    def records(self, **fields):
        """Log records (JSON lines) whose fields all match."""
        found = []
        for line in self.lines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and all(record.get(key) == value for key, value in fields.items()):
                found.append(record)
        return found

    def wait_logged(self, seconds=SOON, **fields):
        return wait_until(lambda: self.records(**fields), f"{self.name} logs {fields}", seconds)


class Daemon(Process):
    """A running fairlead-agent or fairlead-rendezvous, with what its command line answers about it."""

    def __init__(self, name, program, config, log, netns=None):
        self.program, self.config = program, config
        super().__init__(name, [binary(program), "--log-format", "json", "--log-level", "debug", "run", "--config", config], log, netns)

    def broke(self):
        """Whether it ended by a failed check, a crash, or a sanitizer's report; a test may kill or stop it."""
        ended_well = self.child.returncode in (0, 1, 2, -signal.SIGKILL, -signal.SIGTERM)
        return not ended_well or any("Sanitizer" in line or "runtime error:" in line for line in self.lines())

    def status(self, *words):
        """`status --json`, or None while the daemon does not answer."""
        answer = run_program(self.program, "status", *words, "--json", "--config", self.config)
        return json.loads(answer.stdout) if answer.returncode in (0, NOT_WELL) else None

    def counter(self, reason):
        """How often a reason was counted, among the closed and the refused."""
        state = self.status() or {}
        return state.get("closed", {}).get(reason, 0) + state.get("refused", {}).get(reason, 0)

    def wait_counted(self, reason, above=0, seconds=SOON):
        return wait_until(lambda: self.counter(reason) > above, f"{self.name} counts {reason} above {above}", seconds)


def run_program(program, *words, timeout=30, **kwargs):
    return subprocess.run([binary(program), *map(str, words)], capture_output=True, text=True, timeout=timeout, **kwargs)


class Mesh:
    """One rendezvous or several, agents, services and a CA, in a temporary directory."""

    rendezvous_ips = [LOOPBACK, "127.0.0.2", "::1"]  # that certificates of a rendezvous are for

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="fairlead-"))
        self.processes = []
        self.authority = Authority(self.dir / "ca", TRUST_DOMAIN, run_program)
        self.rendezvous_port = None

    # Certificates.

    def issue(self, path, dns=(), ip=(), days=None):
        """A certificate for spiffe://mesh.test/PATH from the product's own CA; the prefix of its files."""
        return self.authority.issue(path, dns, ip, days)

    @property
    def ca(self):
        return self.authority.bundle

    # The two programs.

    def rendezvous_config(self, name="rv1", port=None, tables=None):
        """Writes NAME.toml; tables are merged into the defaults, one level deep, and None removes a table."""
        port = port or free_port()
        cert = self.issue(f"rendezvous/{name}", dns=[f"{name}.test"], ip=self.rendezvous_ips)
        document = {
            "server": {
                "listen": [f"{LOOPBACK}:{port}"],
                "public_addresses": [f"{LOOPBACK}:{port}"],
                "names": [f"{name}.test"],
                "workers": 2,
                "admin": f"unix:{self.dir}/{name}.sock",
                "drain_delay": "200ms",
                "drain_timeout": "3s",
                "state_dir": self.dir / f"{name}-state",
            },
            "identity": {"cert": f"{cert}.crt", "key": f"{cert}.key", "ca": self.ca},
            "log": {"access": "all"},
        }
        return self.write_config(name, merged(document, tables or {})), port

    def start_rendezvous(self, name="rv1", port=None, tables=None, netns=None):
        config, port = self.rendezvous_config(name, port, tables)
        daemon = self.run_rendezvous(name, config, netns)
        daemon.port = port
        if self.rendezvous_port is None:
            self.rendezvous_port = port
        return daemon

    def run_rendezvous(self, name, config, netns=None):
        daemon = self.add(Daemon(name, "fairlead-rendezvous", config, self.dir / f"{name}.log", netns))
        wait_until(lambda: daemon.status() or not daemon.running(), f"{name} answers")
        if not daemon.running():
            raise AssertionError(f"{name} ended with {daemon.wait()}")
        return daemon

    def agent_config(self, name="nas1", services=(), cluster="home", cert=None, rendezvous=None, tables=None):
        cert = cert or self.issue(f"agent/{cluster}/{name}")
        document = {
            "agent": {
                "name": name,
                "cluster": cluster,
                "rendezvous": rendezvous or [f"{LOOPBACK}:{self.rendezvous_port}"],
                "state_dir": self.dir / f"{name}-state",
                "control": f"unix:{self.dir}/{name}.sock",
            },
            "identity": {"cert": f"{cert}.crt", "key": f"{cert}.key", "ca": self.ca},
            "nat": {"mapping": "off"},
            "service": [dict(service) for service in services],
        }
        return self.write_config(name, merged(document, tables or {}))

    def start_agent(self, name="nas1", services=(), ready=True, netns=None, **kwargs):
        """Runs an agent; with ready, returns once every service of it has a path."""
        return self.run_agent(name, self.agent_config(name, services, **kwargs), ready, netns)

    def run_agent(self, name, config, ready=True, netns=None):
        daemon = self.add(self.new_agent(name, config, netns))
        if ready:
            wait_until(lambda: not daemon.running() or services_up(daemon), f"all services of {name} have a path")
            if not daemon.running():
                raise AssertionError(f"{name} ended with {daemon.wait()}")
        return daemon

    def new_agent(self, name, config, netns):
        return Daemon(name, "fairlead-agent", config, self.dir / f"{name}.log", netns)

    def write_config(self, name, document):
        path = self.dir / f"{name}.toml"
        path.write_text(document if isinstance(document, str) else toml_document(document))
        return path

    # Peers.

    def start_service(self, kind="commands", name="web", listen=None, dns=("web.home",), options=(), netns=None):
        """A service.py process; returns it with .target set to what an agent dials."""
        cert = self.issue(f"service/{name}", dns=list(dns))
        listen = listen or f"{LOOPBACK}:{free_port()}"
        log = self.dir / f"service-{name}-{len(self.processes)}.log"
        child = Process(f"service {name}", ["python3", HERE / "service.py", kind, "--listen", listen, "--cert", f"{cert}.crt",
                                            "--key", f"{cert}.key", "--ca", self.ca, *options], log, netns)
        child.target = listen
        self.add(child)
        wait_until(lambda: child.records(event="listening") or not child.running(), "the service listens")
        return child

    def start_program(self, name, command, ready_port=None, netns=None, **kwargs):
        child = self.add(Process(name, command, self.dir / f"{name}-{len(self.processes)}.log", netns, **kwargs))
        if ready_port:
            with netns.inside() if netns else contextlib.nullcontext():
                wait_until(lambda: port_open(ready_port) or not child.running(), f"{name} listens")
        return child

    def add(self, process):
        self.processes.append(process)
        return process

    # The end.

    def close(self, failed=False):
        for process in reversed(self.processes):
            process.stop(3)
        broken = [process for process in self.processes if isinstance(process, Daemon) and process.broke()]
        if failed or broken:
            self.print_logs()
        shutil.rmtree(self.dir, ignore_errors=True)
        if broken:
            raise AssertionError(f"{', '.join(process.name for process in broken)} broke: see the log above")

    def print_logs(self):
        for process in self.processes:
            lines = process.lines()
            print(f"---- {process.name}: {' '.join(process.command)}: the last of {len(lines)} lines")
            print("\n".join(lines[-40:]))


def merged(document, tables):
    for name, content in tables.items():
        if content is None:
            document.pop(name, None)
        elif isinstance(content, dict):
            document[name] = {key: value for key, value in {**document.get(name, {}), **content}.items() if value is not None}
        else:
            document[name] = content
    return document


def services_up(agent):
    state = agent.status()
    return bool(state) and bool(state["services"]) and all(s["path"] in ("relay", "direct") for s in state["services"])


def port_open(port, host=LOOPBACK):
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


class MeshTest(unittest.TestCase):
    """A test with a Mesh of its own."""

    def setUp(self):
        self.mesh = Mesh()
        self.addCleanup(lambda: self.mesh.close(failed=self.has_failed()))

    def has_failed(self):
        """Whether this test has failed so far; unittest keeps it in its outcome."""
        outcome = self._outcome
        result = outcome.result
        return not outcome.success or any(getattr(test, "test_case", test) is self for test, _ in result.failures + result.errors)

    def start_web(self, kind="commands", service_options=(), service_keys=None, tables=None):
        """The usual cast: one rendezvous, one service, one agent that registers it as web.home."""
        self.rendezvous = self.mesh.start_rendezvous(tables=tables)
        self.service = self.mesh.start_service(kind, options=service_options)
        self.agent = self.mesh.start_agent(services=[{"name": "web", "target": self.service.target, **(service_keys or {})}])
