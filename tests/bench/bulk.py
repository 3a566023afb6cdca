"""Bulk transfer: 1 and 8 streams, each way; throughput, and processor time per GiB of each relaying process."""
import statistics

from relays import BESIDE, DIRECT, FAIRLEAD, ONE_HOP, TWO_HOPS, Ways
from rows import Experiment, Row
from world import CpuMeter, run_load

MIB, QUICK_MIB = 3072, 64
SHAPES = [(direction, streams) for streams in (1, 8) for direction in ("up", "down")]
# HAProxy's best: half the processor time of its default, 64 KiB, for long transfers.
HAPROXY_PIPE = 1 << 20
CPU_GOAL, THROUGHPUT_GOAL = 1.1, 0.95


def shape_name(direction, streams):
    return f"{direction} {streams} stream{'s' if streams > 1 else ''}"


class Bulk(Experiment):
    name = "bulk"
    variants = (DIRECT, ONE_HOP, TWO_HOPS, FAIRLEAD)

    def start(self):
        self.ways = Ways(HAPROXY_PIPE)
        self.ways.world.wait_pool(self.ways.agent, 8)

    def measure(self, variant):
        figures = {}
        for direction, streams in SHAPES:
            with CpuMeter(self.ways.processes[variant]) as meter:
                told = run_load("bulk", "--to", self.ways.address[variant], "--direction", direction, "--streams", streams,
                                "--mib", QUICK_MIB if self.bench.quick else MIB)
            shape = shape_name(direction, streams)
            figures[f"{shape} rate"] = told["gib"] / told["seconds"]
            for process, seconds in meter.seconds.items():
                figures[f"{shape} cpu {process}"] = seconds / told["gib"]
        return figures

    def rows(self, median):
        rows = []
        for direction, streams in SHAPES:
            shape = shape_name(direction, streams)
            rate = {variant: median[variant][f"{shape} rate"] for variant in self.variants}
            rows.append(Row(f"bulk, {shape}", "GiB/s", rate[FAIRLEAD], rate[TWO_HOPS], BESIDE[TWO_HOPS], at_least=THROUGHPUT_GOAL))
            hop = median[ONE_HOP][f"{shape} cpu far"]
            for process in ("rendezvous", "agent"):
                rows.append(Row(f"bulk, {shape}, CPU of {process}", "s/GiB", median[FAIRLEAD][f"{shape} cpu {process}"], hop,
                                BESIDE[ONE_HOP], at_most=CPU_GOAL))
            rows += [Row(f"bulk, {shape}, beside {BESIDE[each]}", "GiB/s", rate[FAIRLEAD], rate[each], BESIDE[each])
                     for each in (DIRECT, ONE_HOP)]
            rows.append(Row(f"bulk, {shape}, one HAProxy hop", "GiB/s", rate[ONE_HOP], rate[DIRECT], BESIDE[DIRECT]))
        return [*rows, *self.both_ways(median)]

    def both_ways(self, median):
        """The kernel charges the receiving end's work to whoever sends over loopback: which neighbour pays is direction's choice."""
        rows = []
        for streams in sorted({streams for _, streams in SHAPES}):
            def mean(variant, process):
                return statistics.mean(median[variant][f"{shape_name(way, streams)} cpu {process}"] for way in ("up", "down"))
            name = shape_name("both ways,", streams)
            rows += [Row(f"bulk, {name}, CPU of {process}", "s/GiB", mean(FAIRLEAD, process), mean(ONE_HOP, "far"), BESIDE[ONE_HOP],
                         at_most=CPU_GOAL) for process in ("rendezvous", "agent")]
            rows.append(Row(f"bulk, {name}, CPU of both", "s/GiB", mean(FAIRLEAD, "rendezvous") + mean(FAIRLEAD, "agent"),
                            mean(TWO_HOPS, "near") + mean(TWO_HOPS, "far"), BESIDE[TWO_HOPS]))
        return rows

    def stop(self):
        if hasattr(self, "ways"):
            self.ways.close()


EXPERIMENTS = [Bulk]
