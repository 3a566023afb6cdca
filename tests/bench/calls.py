"""System calls: per relayed connection and per GiB, of each process, as strace counts them; never in a timed round."""
import contextlib
import pathlib
import signal
import subprocess

from relays import BESIDE, FAIRLEAD, ONE_HOP, Ways
from rows import Experiment, Row
from world import find_program, run_load, wait_until

CONNECTIONS, MIB = 200, 256
QUICK_CONNECTIONS, QUICK_MIB = 20, 16
HAPROXY_PIPE = 1 << 20  # as in bulk
MOST_NAMED = 4  # calls that a row's note names


class MayNotTrace(Exception):
    """Containers often forbid it."""


class Counting:
    """with Counting(process, file) as counting: ...; then counting.calls = {"splice": 12, ...}."""

    def __init__(self, process, path):
        self.process, self.path = process, path

    def __enter__(self):
        self.calls = {}
        self.child = subprocess.Popen([find_program("strace"), "-c", "-f", "-U", "name,calls", "-o", self.path, "-p",
                                       str(self.process.pid)], stderr=subprocess.PIPE, text=True)
        # One line for each thread; the first says that the process is being traced.
        if "attached" not in self.child.stderr.readline():
            self.child.wait()
            raise MayNotTrace
        wait_until(lambda: all_traced(self.process.pid), "all threads are traced")
        return self

    def __exit__(self, kind, error, trace):
        self.child.send_signal(signal.SIGINT)
        self.child.communicate()
        self.calls = read_counts(self.path.read_text())


def all_traced(pid):
    """Whether no thread of it runs untraced."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return all("TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks)


def read_counts(text):
    """{name: calls} from the two columns."""
    pairs = [line.split() for line in text.splitlines()]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit() and pair[0] != "total"}


class Calls(Experiment):
    name = "system calls"
    variants = (ONE_HOP, FAIRLEAD)
    rounds = 1

    def start(self):
        self.ways = Ways(HAPROXY_PIPE)
        self.ways.world.wait_pool(self.ways.agent, 64)

    def measure(self, variant):
        try:
            return self.counted(variant)
        except MayNotTrace:
            return {}

    def counted(self, variant):
        quick = self.bench.quick
        count, mib = (QUICK_CONNECTIONS, QUICK_MIB) if quick else (CONNECTIONS, MIB)
        short = self.count(variant, ["short", "--at-once", 1, "--count", count], count)
        bulk = self.count(variant, ["bulk", "--direction", "up", "--streams", 1, "--mib", mib], mib / 1024)
        return {f"{process} {what} {call}": number for what, found in (("short", short), ("bulk", bulk))
                for process, calls in found.items() for call, number in calls.items()}

    def count(self, variant, words, amount):
        """{process: {call: per connection or GiB}} of one run of the load, traced."""
        with contextlib.ExitStack() as stack:
            counting = {name: stack.enter_context(Counting(process, self.ways.world.dir / f"{name}.calls"))
                        for name, process in self.ways.processes[variant].items()}
            run_load(words[0], "--to", self.ways.address[variant], *words[1:])
        return {name: {call: calls / amount for call, calls in each.calls.items()} for name, each in counting.items()}

    def rows(self, median):
        rows = []
        for what, unit in (("short", "calls/conn"), ("bulk", "calls/GiB")):
            hop, _ = total(median[ONE_HOP], f"far {what} ")
            for process in ("rendezvous", "agent"):
                figure, calls = total(median[FAIRLEAD], f"{process} {what} ")
                if not median[FAIRLEAD]:
                    figure, calls = None, "not measured: strace may not attach here"
                rows.append(Row(f"{self.name}, {what}, {process}", unit, figure, hop, BESIDE[ONE_HOP], note=calls))
        return rows

    def stop(self):
        if hasattr(self, "ways"):
            self.ways.close()


def total(figures, prefix):
    """The sum of all calls, and the most frequent ones as text."""
    calls = {name.removeprefix(prefix): count for name, count in figures.items() if name.startswith(prefix)}
    most = sorted(calls.items(), key=lambda item: -item[1])[:MOST_NAMED]
    return sum(calls.values()), ", ".join(f"{name} {count:.3g}" for name, count in most)


EXPERIMENTS = [Calls]
