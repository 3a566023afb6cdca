"""The world of a benchmark: one network namespace, the two programs, HAProxy beside them, the load, and what each costs.

Programs and certificates come from the end-to-end tests' harness; here they run as users run them: no debug log, no access log,
limits out of the way. All ports are below the range of ephemeral ones, and fixed: nobody else lives in this namespace.
"""
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

import harness  # noqa: E402
from harness import LOOPBACK, Process, binary, find_program, merged, services_up, wait_until  # noqa: E402

BUILD = ROOT / "build" / "bench"
# One relay thread on each side of a comparison: HAProxy runs one thread per hop, the rendezvous one worker.
WORKERS = 1
PLENTY = 100_000
HAPROXY_CONNECTIONS = 4000  # it wants all descriptors for them, and for their pipes, at once: within 20,000
LIMITS = {"relays_per_source": PLENTY, "unproved_per_source": PLENTY, "relays_per_service": PLENTY, "relays_per_agent": PLENTY,
          "unclassified_max": PLENTY, "unclassified_per_source": PLENTY}
# Pacing (bbr) would measure timers. By route: a namespace may not choose a default that its host keeps to itself.
CONGESTION_CONTROL = "cubic"
LOOPBACK_ROUTES = ("127.0.0.0/8", "127.0.0.1")
SYSCTLS = {
    # Short connections leave an address pair behind for a minute at whoever closed first: room for them, and reuse.
    "ipv4/ip_local_port_range": "16000 65535",
    "ipv4/tcp_tw_reuse": "1",
    "core/somaxconn": "16384",
    "ipv4/tcp_max_syn_backlog": "16384",
}


def set_up_namespace():
    """Brings up loopback with the settings of all benchmarks; returns those that this kernel refused."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    refused = []
    for route in LOOPBACK_ROUTES:
        setting = ["congctl", CONGESTION_CONTROL]
        if subprocess.run(["ip", "route", "replace", "local", route, "dev", "lo", "table", "local", *setting]).returncode != 0:
            refused.append(f"{route} {' '.join(setting)}")
    for name, value in SYSCTLS.items():
        try:
            pathlib.Path("/proc/sys/net", name).write_text(value)
        except OSError:
            refused.append(name)
    return refused


def cpu_seconds(pid):
    """Processor time of all threads, from the scheduler: in nanoseconds, where /proc/PID/stat counts in ticks."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            total += int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
        except FileNotFoundError:  # a thread that ended
            continue
    return total / 1e9


class CpuMeter:
    """with CpuMeter({"agent": process}) as meter: ...; then meter.seconds["agent"]."""

    def __init__(self, processes):
        self.processes = processes
        self.seconds = {}

    def __enter__(self):
        self.begin = {name: cpu_seconds(process.pid) for name, process in self.processes.items()}
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.seconds = {name: cpu_seconds(process.pid) - self.begin[name] for name, process in self.processes.items()}


class QuietDaemon(harness.Daemon):
    """A daemon as it is used: log level info. `path`: another build of the program than FAIRLEAD_BIN's."""

    def __init__(self, name, program, config, log, path=None):
        self.program, self.config = program, config
        Process.__init__(self, name, [path or binary(program), "--log-format", "json", "run", "--config", config], log)


class World(harness.Mesh):
    """A Mesh (see tests/e2e/harness.py) whose daemons run quietly and with one relay worker, plus HAProxy and the load."""

    def start_rendezvous(self, name="rv1", port=1443, tables=None, path=None):
        """`tables` overrides rendezvous.toml, one level deep; `path` runs another build of the program."""
        changed = merged({"server": {"workers": WORKERS}, "log": {"access": "off"}, "limits": dict(LIMITS)}, tables or {})
        config, port = self.rendezvous_config(name, port, changed)
        daemon = self.run_rendezvous(name, config, path=path)
        daemon.port = port
        self.rendezvous_port = self.rendezvous_port or port
        return daemon

    def run_rendezvous(self, name, config, netns=None, path=None):
        daemon = self.add(QuietDaemon(name, "fairlead-rendezvous", config, self.dir / f"{name}.log", path))
        wait_until(lambda: daemon.status() or not daemon.running(), f"{name} answers")
        if not daemon.running():
            raise AssertionError(f"{name} ended with {daemon.wait()}")
        return daemon

    def start_bench_agent(self, target, name="nas1", pool=(128, 256), tables=None, path=None, ready=True):
        """An agent whose only service `web.home` is the load's service at HOST:PORT; pool = (min, max)."""
        service = {"name": "web", "target": target, "mutual": "unchecked"}
        changed = merged({"pool": {"min": pool[0], "max": pool[1]}, "nat": {"mapping": "off", "listen": []}}, tables or {})
        return self.run_agent(name, self.agent_config(name, [service], tables=changed), ready, path=path)

    def run_agent(self, name, config, ready=True, netns=None, path=None):
        daemon = self.add(QuietDaemon(name, "fairlead-agent", config, self.dir / f"{name}.log", path))
        if ready:
            wait_until(lambda: not daemon.running() or services_up(daemon), f"all services of {name} have a path")
            if not daemon.running():
                raise AssertionError(f"{name} ended with {daemon.wait()}")
        return daemon

    def wait_relays(self, rendezvous, count):
        """Until so many relays are open: what was there before is over, what comes now is there."""
        wait_until(lambda: (rendezvous.status() or {"relays": {"live": None}})["relays"]["live"] == count, f"{count} relays are open", 60)

    def wait_pool(self, agent, count):
        """Until `count` data channels of the agent are ready."""
        def ready():
            state = agent.status()
            return state and sum(each["channels"]["ready"] for each in state["rendezvous"]) >= count
        wait_until(ready, f"{count} channels of {agent.name} are ready")

    def end(self, process):
        """Stops a process before the world ends."""
        process.stop()
        self.processes.remove(process)

    def start_haproxy(self, name, port, target, pipe=0):
        """One hop of HAProxy, one thread, splice forced; to HOST:PORT. `pipe`: bytes of its pipes, 0 for its default."""
        config = self.dir / f"{name}.cfg"
        config.write_text(f"""global
    nbthread 1
    maxconn {HAPROXY_CONNECTIONS}
    {f"tune.pipesize {pipe}" if pipe else ""}
defaults
    mode tcp
    maxconn {HAPROXY_CONNECTIONS}
    backlog 16384
    option splice-request
    option splice-response
    timeout connect 10s
    timeout client 1h
    timeout server 1h
listen relay
    bind {LOOPBACK}:{port}
    server next {target}
""")
        child = self.start_program(name, [find_program("haproxy"), "-db", "-f", config], ready_port=port)
        if not child.running():
            raise AssertionError(f"{name} does not run: {child.lines()}")
        return child

    def start_load_service(self, port):
        """The service at the far end of everything (tests/bench/load); .target is its HOST:PORT."""
        service = self.start_program(f"load service {port}", [load_program("bench_service"), str(port)], ready_port=port)
        service.target = f"{LOOPBACK}:{port}"
        return service


def load_program(name, folder="bench/load"):
    """A program of tests/FOLDER: of the build that is measured, else of the bench build."""
    builds = [pathlib.Path(os.environ["FAIRLEAD_BIN"]).resolve(), BUILD]
    found = [path for build in builds if (path := build / "tests" / folder / name).is_file()]
    if not found:
        raise FileNotFoundError(f"{name} is not built: cmake --build --preset bench --target {name}")
    return found[0]


def run_load(*words, timeout=120):
    """Runs bench_client and returns what it says: {"seconds":.., ...}; see load/client.cpp."""
    answer = subprocess.run([load_program("bench_client"), *map(str, words)], capture_output=True, text=True, timeout=timeout)
    if answer.returncode != 0:
        raise AssertionError(f"bench_client {' '.join(map(str, words))}: {answer.stderr.strip()}")
    return json.loads(answer.stdout)
