"""Short connections: 1 and 64 at a time through a warm pool, and the first ones of a session whose pool is empty."""
from relays import BESIDE, DIRECT, FAIRLEAD, ONE_HOP, TWO_HOPS, RENDEZVOUS, SERVICE, Ways
from rows import Experiment, Row
from world import CpuMeter, LOOPBACK, World, run_load

AT_ONCE = (1, 64)
SECONDS, QUICK_SECONDS = 1.0, 0.1
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
            row("rate, one HAProxy hop", "conn/s", "rate", DIRECT, ONE_HOP)
        return rows

    def stop(self):
        if hasattr(self, "ways"):
            self.ways.close()


class Cold(Experiment):
    """Each round starts an agent without ready channels, and only its first connections count: each waits for a channel of its
    own, dialled when it is asked for."""

    name = "short cold"
    variants = tuple(AT_ONCE)

    def start(self):
        self.world = World()
        self.service = self.world.start_load_service(SERVICE)
        self.world.start_rendezvous(port=RENDEZVOUS)

    def measure(self, variant):
        agent = self.world.start_bench_agent(self.service.target, pool=(0, 256))
        told = run_load("short", "--to", f"{LOOPBACK}:{RENDEZVOUS}", "--at-once", variant, "--count", variant)
        self.world.end(agent)
        return {"p50": told["p50"] * MICROSECONDS, "p99": told["p99"] * MICROSECONDS}

    def rows(self, median):
        rows = [Row(f"{self.name}, {each} at a time, p50", "us", median[each]["p50"]) for each in self.variants]
        rows.append(Row(f"{self.name}, {max(AT_ONCE)} at a time, slowest", "us", median[max(AT_ONCE)]["p99"]))
        return rows

    def stop(self):
        if hasattr(self, "world"):
            self.world.close()


EXPERIMENTS = [Short, Cold]
