"""A fleet of agents (tests/load/agent_storm) at one rendezvous, and what the kernel and the rendezvous hold for them."""
import json
import pathlib
import resource
import shutil
import time

from harness import wait_until
from world import LIMITS, LOOPBACK, World, load_program

RENDEZVOUS = 1443  # port
# All agents of a fleet have one certificate; each has its own name.
POLICY = [{"agent": "spiffe://{trust_domain}/agent/load/*", "services": ["*.load"], "endpoints": ["*"]},
          {"agent": "spiffe://{trust_domain}/agent/{cluster}/{name}", "services": ["*.{cluster}"], "endpoints": ["{name}"]}]
PLENTY_AGENTS = 100_000
FEWEST_AGENTS = 100
SPARE_DESCRIPTORS = 1500  # the rendezvous keeps 1,024 for itself
# Of /proc/slabinfo: what a TCP socket in an epoll set consists of.
SOCKET_CACHES = ("TCP", "TCPv6", "sock_inode_cache", "lsm_inode_cache", "filp", "lsm_file_cache", "eventpoll_epi")
# A first handshake takes a processor about 10 ms on both sides together; a loaded machine needs a multiple.
OPENING = 0.05


def most_agents(wanted):
    """As many of them as one process may have descriptors for."""
    found = min(wanted, descriptors() - SPARE_DESCRIPTORS)
    if found < FEWEST_AGENTS:
        raise AssertionError(f"{descriptors()} open files a process are too few: ulimit -Hn")
    return found


def descriptors():
    """As many as a process may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


class FleetWorld(World):
    """A rendezvous that takes fleets, at a port of its own."""

    def __init__(self, port=RENDEZVOUS):
        super().__init__()
        self.port = port

    def start_fleet_rendezvous(self, path=None, services_per_agent=64, workers=2):
        """`path`: another build of the program."""
        limits = {**LIMITS, "sessions_max": PLENTY_AGENTS, "services_per_agent": services_per_agent}
        return self.start_rendezvous(port=self.port, path=path,
                                     tables={"server": {"workers": workers}, "limits": limits, "policy": POLICY})

    def restart(self, rendezvous, tickets=True):
        """Kills it, waits until the fleet has noticed, and starts it again; without tickets its keys to them are gone. The new
        process's `.started` is the moment before its start."""
        rendezvous.kill()
        self.processes.remove(rendezvous)
        wait_until(lambda: told(self.fleet)["up"] == 0, "the fleet has noticed")
        if not tickets:
            shutil.rmtree(self.dir / "rv1-state")
        started = time.monotonic()
        again = self.run_rendezvous("rv1", rendezvous.config, path=rendezvous.command[0])
        again.started = started
        return again

    def wait_back(self, seconds):
        """Until all agents have all their services registered again. Asks the fleet alone: the rendezvous has enough to do."""
        wait_until(lambda: told(self.fleet)["registered"] == self.fleet.count, f"{self.fleet.count} agents are back", seconds)

    def start_fleet(self, count, services=1, names="own"):
        cert = self.issue("agent/load/fleet")
        fleet = self.start_program(
            "fleet", [load_program("agent_storm", "load"), "--rendezvous", f"{LOOPBACK}:{self.port}", "--count", count,
                      "--services", services, "--names", names, "--cert", f"{cert}.crt", "--key", f"{cert}.key",
                      "--ca", self.ca, "--seconds", 3600])
        fleet.count = count
        wait_until(lambda: told(fleet)["registered"] == count or not fleet.running(), f"{count} agents are registered",
                   30 + count * OPENING)
        if not fleet.running():
            raise AssertionError(f"the fleet ended: {fleet.lines()[-3:]}")
        self.fleet = fleet
        return fleet


def reports(fleet):
    """All that the fleet has told so far, oldest first."""
    return [json.loads(line) for line in fleet.lines() if line.startswith("{") and line.endswith("}")]


def told(fleet):
    return (reports(fleet) or [{"at": 0, "up": 0, "registered": 0, "resumed": 0, "failed": 0}])[-1]


def resident(process):
    """Bytes of the process's own: without files that are mapped and shared."""
    return process.memory()


def kernel_memory():
    """Bytes that the kernel holds for sockets of the whole machine, buffers included: differences count, and large ones."""
    words = next(line.split() for line in pathlib.Path("/proc/net/sockstat").read_text().splitlines() if line.startswith("TCP:"))
    return socket_objects() + int(words[words.index("mem") + 1]) * resource.getpagesize()


def socket_objects():
    try:
        lines = pathlib.Path("/proc/slabinfo").read_text().splitlines()[2:]
    except (PermissionError, FileNotFoundError):  # not root, or another allocator: all kernel objects, with what else the machine does
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Slab:")) * 1024
    caches = {name: (int(active), int(size)) for name, active, _, size, *_ in map(str.split, lines)}
    held = sum(active * size for name, (active, size) in caches.items() if name in SOCKET_CACHES)
    return held + caches["sock_inode_cache"][0] * caches["dentry"][1]  # a name in the file system for each socket


def refused(rendezvous):
    """Connections and sessions that it turned away, by reason."""
    return (rendezvous.status() or {"refused": {"no answer": 1}})["refused"]
