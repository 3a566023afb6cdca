"""Growth: what a short connection costs while many services are registered, or many relays are open, and their memory."""
import contextlib
import json
import subprocess
import time

from fleet import FleetWorld, RENDEZVOUS, kernel_memory, descriptors, resident
from harness import die_with_parent
from rows import Experiment, Row
from scale import BACK, KIB, SETTLED
from short import MICROSECONDS, QUICK_SECONDS, SECONDS
from world import CpuMeter, LIMITS, LOOPBACK, World, cpu_seconds, load_program, run_load

SERVICE = 1000  # port
GOAL = 1.2
SERVICES_PER_AGENT = 100
FEW, SOME, MANY, QUICK_MANY = 10, 1_000, 100_000, 2_000
SPARE = 1000  # descriptors beside three quarters of which relays may take two each
RELAYS, QUICK_RELAYS = (1, 100, 10_000), (1, 10, 100)


def short_connections(bench, port, processes):
    """{figure: number} of connections that come one at a time."""
    with CpuMeter(processes) as meter:
        answer = run_load("short", "--to", f"{LOOPBACK}:{port}", "--at-once", 1,
                          "--seconds", QUICK_SECONDS if bench.quick else SECONDS)
    return {"p50": answer["p50"] * MICROSECONDS, "p99": answer["p99"] * MICROSECONDS,
            "cpu": sum(meter.seconds.values()) / answer["connections"] * MICROSECONDS}


class Services(Experiment):
    """One rendezvous for each number of services, all running at once; beside each number one agent that serves the load."""

    name = "growth services"

    def __init__(self, bench):
        super().__init__(bench)
        self.variants = (FEW, SOME, QUICK_MANY if bench.quick else MANY)
        self.worlds, self.registering = {}, {}

    def start(self):
        for place, count in enumerate(self.variants):
            world = self.worlds[count] = FleetWorld(port=RENDEZVOUS + place)
            service = world.start_load_service(SERVICE + place)
            world.rendezvous = world.start_fleet_rendezvous(services_per_agent=SERVICES_PER_AGENT, workers=1)
            world.agent = world.start_bench_agent(service.target)
            agents = max(FEW, count // SERVICES_PER_AGENT)
            world.start_fleet(agents, count // agents)
        self.measure_registrations()

    def measure_registrations(self):
        """What the many services cost the rendezvous when all come at once, and the memory that it then has."""
        count, world = max(self.variants), self.worlds[max(self.variants)]
        world.rendezvous = world.restart(world.rendezvous)
        world.wait_back(BACK)
        few = self.worlds[min(self.variants)].rendezvous
        self.registering = {"wall": time.monotonic() - world.rendezvous.started, "cpu": cpu_seconds(world.rendezvous.pid),
                            "memory": (resident(world.rendezvous) - resident(few)) / count / KIB}

    def measure(self, variant):
        world = self.worlds[variant]
        world.wait_pool(world.agent, 1)
        return {**short_connections(self.bench, world.port, {"rendezvous": world.rendezvous, "agent": world.agent}),
                **route_bench(variant)}

    def rows(self, median):
        few, some, many = (median[each] for each in self.variants)
        count = f"{max(self.variants):,} services"
        rows = [Row(f"{count}, {what} of a short connection", unit, many[key], few[key], f"{FEW} services", at_most=GOAL)
                for what, unit, key in (("p50", "us", "p50"), ("CPU", "us/conn", "cpu"))]
        rows += [Row(f"{SOME:,} services, {what} of a short connection", unit, some[key], few[key], f"{FEW} services")
                 for what, unit, key in (("p50", "us", "p50"), ("CPU", "us/conn", "cpu"))]
        rows += [Row(f"{count}, one lookup by itself", "ns", many["lookup_ns"], few["lookup_ns"], f"{FEW} services",
                     at_most=GOAL, note="names in random order, nothing cached: five cache lines from memory, a thousandth of a connection"),
                 Row(f"{count}, publishing one more", "us", many["publish_us"]),
                 Row(f"{count}, publishing 100 more", "us", many["batch_us"]),
                 Row(f"{count}, memory of the table", "KiB/service", many["bytes_per_service"] / KIB),
                 Row(f"{count}, memory of the rendezvous", "KiB/service", self.registering["memory"],
                     note=f"with its share of a session: {SERVICES_PER_AGENT} services per agent"),
                 Row(f"{count} registered at once, CPU of the rendezvous", "us/service",
                     self.registering["cpu"] / max(self.variants) * MICROSECONDS),
                 Row(f"{count} registered at once, all of them after", "s", self.registering["wall"],
                     note="after a restart with tickets")]
        return rows

    def stop(self):
        for world in self.worlds.values():
            world.close()


class Relays(Experiment):
    """Relays that are open and idle, while new connections come."""

    name = "growth relays"

    def __init__(self, bench):
        super().__init__(bench)
        self.variants = QUICK_RELAYS if bench.quick else (*RELAYS[:-1], min(max(RELAYS), (descriptors() - SPARE) * 3 // 8))

    def start(self):
        limits = {"limits": {"relays_max": max(self.variants) + 100}}
        self.world = World()
        service = self.world.start_load_service(SERVICE)
        self.rendezvous = self.world.start_rendezvous(port=RENDEZVOUS, tables={"limits": {**LIMITS, **limits["limits"]}})
        self.agent = self.world.start_bench_agent(service.target, tables=limits)
        self.world.wait_pool(self.agent, 64)
        self.most = max(self.variants)
        before = self.memory()
        with held(self.world, self.rendezvous, self.most):
            time.sleep(SETTLED)
            self.each = {name: (now - before[name]) / self.most / KIB for name, now in self.memory().items()}

    def memory(self):
        return {"rendezvous": resident(self.rendezvous), "agent": resident(self.agent), "kernel": kernel_memory()}

    def measure(self, variant):
        with held(self.world, self.rendezvous, variant):
            self.world.wait_pool(self.agent, 1)
            return short_connections(self.bench, RENDEZVOUS, {"rendezvous": self.rendezvous, "agent": self.agent})

    def rows(self, median):
        one = median[min(self.variants)]
        rows = [Row(f"{count:,} relays open, {what} of a short connection", unit, median[count][key], one[key], "one relay open",
                    **({"at_most": GOAL} if count == self.most else {}))
                for count in self.variants[1:] for what, unit, key in (("p50", "us", "p50"), ("CPU", "us/conn", "cpu"))]
        rows += [Row(f"idle relay, user memory of the {name}", "KiB", self.each[name]) for name in ("rendezvous", "agent")]
        return [*rows, Row("idle relay, kernel memory", "KiB", self.each["kernel"], note="client, rendezvous, agent and service: 6 sockets")]

    def stop(self):
        if hasattr(self, "world"):
            self.world.close()


@contextlib.contextmanager
def held(world, rendezvous, count):
    """That many connections to the load's service, open and idle; when it is left they are over at the rendezvous, too."""
    command = [load_program("bench_client"), "hold", "--to", f"{LOOPBACK}:{RENDEZVOUS}", "--count", str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent) as child:
        try:
            if json.loads(child.stdout.readline() or "{}").get("held") != count:
                raise AssertionError(f"{count} connections could not be held")
            world.wait_relays(rendezvous, count)
            yield
        finally:
            child.stdin.close()
    world.wait_relays(rendezvous, 0)


def route_bench(services):
    """The routing table by itself; see load/route_bench.cpp."""
    return json.loads(subprocess.run([load_program("route_bench"), str(services)], capture_output=True, check=True).stdout)


EXPERIMENTS = [Services, Relays]
