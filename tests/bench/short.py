"""Short connections: 1 and 64 at a time through a warm pool, and the first ones of a session whose pool is empty."""
import statistics

from relays import BESIDE, DEFAULT, DIRECT, FAIRLEAD, ONE_HOP, PLENTY, TWO_HOPS, Ways
from rows import Experiment, Row
from world import CpuMeter, run_load

AT_ONCE = (1, 64)
SECONDS, QUICK_SECONDS = 1.0, 0.1
COLD_STARTS = 3  # in each round
P50_GOAL, P99_GOAL, RATE_GOAL, CPU_GOAL = 1.3, 2, 0.9, 1.2
MICROSECONDS = 1e6


class Short(Experiment):
    name = "short"
    variants = (DIRECT, ONE_HOP, TWO_HOPS, FAIRLEAD)

    def start(self):
        self.ways = Ways()
        self.ways.world.wait_pool(self.ways.agent, max(AT_ONCE))

    def measure(self, variant):
        figures = {}
        for at_once in AT_ONCE:
            with CpuMeter(self.ways.processes[variant]) as meter:
                told = run_load("short", "--to", self.ways.address[variant], "--at-once", at_once,
                                "--seconds", QUICK_SECONDS if self.bench.quick else SECONDS)
            figures |= {f"{at_once} rate": told["connections"] / told["seconds"], f"{at_once} p50": told["p50"] * MICROSECONDS,
                        f"{at_once} p99": told["p99"] * MICROSECONDS}
            costs = {name: seconds / told["connections"] * MICROSECONDS for name, seconds in meter.seconds.items()}
            figures |= {f"{at_once} cpu {name}": cost for name, cost in costs.items()}
            figures[f"{at_once} cpu"] = sum(costs.values())
        return figures

    def rows(self, median):
        rows = []
        for at_once in AT_ONCE:
            def row(name, unit, figure, reference=TWO_HOPS, variant=FAIRLEAD, **goal):
                rows.append(Row(f"short, {at_once} at a time, {name}", unit, median[variant][f"{at_once} {figure}"],
                                median[reference].get(f"{at_once} {figure}"), BESIDE[reference], **goal))
            row("p50", "us", "p50", at_most=P50_GOAL)
            row("p99", "us", "p99", at_most=P99_GOAL)
            row("rate", "conn/s", "rate", **({"at_least": RATE_GOAL} if at_once == max(AT_ONCE) else {}))
            row("CPU", "us/conn", "cpu", at_most=CPU_GOAL)
            for process in ("rendezvous", "agent"):
                rows.append(Row(f"short, {at_once} at a time, CPU of {process}", "us/conn",
                                median[FAIRLEAD][f"{at_once} cpu {process}"], median[ONE_HOP][f"{at_once} cpu"], BESIDE[ONE_HOP]))
            for reference in (DIRECT, ONE_HOP):
                row(f"p50 beside {BESIDE[reference]}", "us", "p50", reference)
            row("rate, one HAProxy hop", "conn/s", "rate", DIRECT, ONE_HOP)
        return rows

    def stop(self):
        if hasattr(self, "ways"):
            self.ways.close()


class Default(Experiment):
    """The same 64 at a time through an agent as it is by default: its pool is smaller than the burst."""

    name = "short default pool"
    variants = (TWO_HOPS, FAIRLEAD)

    def start(self):
        self.ways = Ways(pool=DEFAULT)

    def measure(self, variant):
        told = run_load("short", "--to", self.ways.address[variant], "--at-once", max(AT_ONCE),
                        "--seconds", QUICK_SECONDS if self.bench.quick else SECONDS)
        return {"rate": told["connections"] / told["seconds"], "p50": told["p50"] * MICROSECONDS, "p99": told["p99"] * MICROSECONDS}

    def rows(self, median):
        return [Row(f"{self.name}, {max(AT_ONCE)} at a time, {what}", unit, median[FAIRLEAD][what], median[TWO_HOPS][what], BESIDE[TWO_HOPS])
                for what, unit in (("p50", "us"), ("p99", "us"), ("rate", "conn/s"))]

    def stop(self):
        if hasattr(self, "ways"):
            self.ways.close()


class Cold(Experiment):
    """Each measurement starts an agent without ready channels, and only its first connections count: each waits for a channel
    of its own, dialled when it is asked for."""

    name = "short cold"
    variants = tuple(AT_ONCE)

    def start(self):
        self.ways = Ways()
        self.ways.world.end(self.ways.agent)

    def measure(self, variant):
        each = [self.first_connections(variant) for _ in range(1 if self.bench.quick else COLD_STARTS)]
        return {name: statistics.median(figures[name] for figures in each) for name in each[0]}

    def first_connections(self, at_once):
        world, amount = self.ways.world, ("--at-once", at_once, "--count", at_once)
        beside = run_load("short", "--to", self.ways.address[TWO_HOPS], *amount)
        agent = world.start_bench_agent(self.ways.service.target, pool=(0, max(PLENTY)))
        with CpuMeter({"rendezvous": self.ways.rendezvous, "agent": agent}) as meter:
            told = run_load("short", "--to", self.ways.address[FAIRLEAD], *amount)
        world.end(agent)
        return {"p50": told["p50"] * MICROSECONDS, "p99": told["p99"] * MICROSECONDS, "beside": beside["p50"] * MICROSECONDS,
                "cpu": sum(meter.seconds.values()) / at_once * MICROSECONDS}

    def rows(self, median):
        most = max(self.variants)
        rows = [Row(f"{self.name}, {each} at a time, p50", "us", median[each]["p50"], median[each]["beside"], BESIDE[TWO_HOPS])
                for each in self.variants]
        return [*rows, Row(f"{self.name}, {most} at a time, slowest", "us", median[most]["p99"]),
                Row(f"{self.name}, {most} at a time, CPU", "us/conn", median[most]["cpu"])]

    def stop(self):
        if hasattr(self, "ways"):
            self.ways.close()


EXPERIMENTS = [Short, Default, Cold]
