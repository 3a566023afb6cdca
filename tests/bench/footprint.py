"""What the agent asks of its host: bytes of the program, memory, and how often it wakes up."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import builds
from fleet import RENDEZVOUS
from growth import SERVICE, held
from rows import Experiment, Row
from world import World, binary

KIB, MB = 1024, 1_000_000
MIB = KIB * KIB
SIZE_GOALS = {"x86-64": 2.0, "arm64": 1.8, "armhf": 1.3}  # MB
IDLE_GOAL, WAKE_GOAL = 3, 4
RELAYS, QUICK_RELAYS = 100, 10
WATCHED, QUICK_WATCHED = 60, 3  # seconds
QUIET = 5  # seconds until what follows a start has happened: first pings, a pool that is filled
QUICK_QUIET = 1


def stripped_size(path):
    with tempfile.TemporaryDirectory(prefix="fairlead-") as folder:
        copy = shutil.copy(path, folder)
        subprocess.run(["strip", copy], check=True)
        return pathlib.Path(copy).stat().st_size


def resident(process):
    """All that is resident, the program's own pages from its file as well: what a small host must have."""
    return int(re.search(r"VmRSS:\s+(\d+)", status(process))[1]) * KIB


def wake_ups(process):
    """Of all threads: each is a sleep that ended."""
    tasks = pathlib.Path(f"/proc/{process.pid}/task").glob("*/status")
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", task.read_text(), re.M)[1]) for task in tasks)


def status(process):
    return pathlib.Path(f"/proc/{process.pid}/status").read_text()


class Size(Experiment):
    name = "footprint size"
    rounds = 1

    def measure(self, variant):
        found = {"dynamic": stripped_size(binary("fairlead-agent")) / MB}
        for arch in SIZE_GOALS:
            agent = builds.static_agent(arch)
            if agent.is_file():
                found[arch] = agent.stat().st_size / MB
        return found

    def rows(self, median):
        sizes = median["fairlead"]
        return [Row("agent, stripped, dynamic", "MB", sizes["dynamic"]),
                *(Row(f"agent, static, {arch}", "MB", sizes.get(arch), at_most=goal,
                      note="" if arch in sizes else builds.MISSING)
                  for arch, goal in SIZE_GOALS.items())]


class Agent(Experiment):
    """An agent with one service and its default pool: idle, watched for a minute, and with relays."""

    name = "footprint agent"
    variants = ("static", "dynamic")
    rounds = 1  # memory and wake-ups do not swing

    def __init__(self, bench):
        super().__init__(bench)
        self.relays = QUICK_RELAYS if bench.quick else RELAYS

    def measure(self, variant):
        path = builds.static_agent(builds.HERE) if variant == "static" else pathlib.Path(binary("fairlead-agent"))
        if not path.is_file():
            return {}
        world = World()
        try:
            service = world.start_load_service(SERVICE)
            rendezvous = world.start_rendezvous(port=RENDEZVOUS)
            config = world.agent_config("nas1", [{"name": "web", "target": service.target, "mutual": "unchecked"}])
            agent = world.run_agent("nas1", config, path=str(path))
            return self.watch(world, rendezvous, agent)
        finally:
            world.close()

    def watch(self, world, rendezvous, agent):
        span = QUICK_WATCHED if self.bench.quick else WATCHED
        time.sleep(QUICK_QUIET if self.bench.quick else QUIET)
        found = {"idle": resident(agent) / MIB}
        before = wake_ups(agent)
        time.sleep(span)
        found["wake-ups"] = (wake_ups(agent) - before) * 60 / span
        with held(world, rendezvous, self.relays):
            found["busy"] = resident(agent) / MIB
        return found

    def rows(self, median):
        rows = []
        for variant in self.variants:
            goals = variant == "static"
            found = median[variant]
            note = "" if found else builds.MISSING
            rows += [Row(f"agent, {variant}, resident while idle", "MiB", found.get("idle"), note=note,
                         at_most=IDLE_GOAL if goals else None),
                     Row(f"agent, {variant}, resident with {self.relays} relays", "MiB", found.get("busy"), note=note),
                     Row(f"agent, {variant}, wake-ups while idle", "/min", found.get("wake-ups"), at_most=WAKE_GOAL, note=note)]
        return rows


EXPERIMENTS = [Size, Agent]
