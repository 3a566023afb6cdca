"""What a benchmark consists of: experiments that are measured in interleaved rounds, and the rows that are told of them.

A module with rows defines subclasses of Experiment and lists them in EXPERIMENTS; `run` collects these lists. Nothing here
starts a program or knows a network: see world.py for that.
"""
import dataclasses
import json
import statistics


@dataclasses.dataclass
class Row:
    """One line of the table. With a reference the goal is about the ratio figure / reference, else about the figure.

    A row without at_most and at_least has no goal and only informs. figure None: it could not be measured, see `note`."""

    name: str
    unit: str
    figure: float | None
    reference: float | None = None
    beside: str = ""  # what the reference is: "two HAProxy hops"
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def ratio(self):
        return self.figure / self.reference if self.figure is not None and self.reference else None

    @property
    def judged(self):
        """The number that the goal is about."""
        return self.ratio if self.beside else self.figure

    @property
    def goal(self):
        unit = " x" if self.beside else f" {self.unit}"
        if self.at_most is not None:
            return f"<= {number(self.at_most)}{unit}"
        return f">= {number(self.at_least)}{unit}" if self.at_least is not None else ""

    @property
    def reached(self):
        """True, False, or None for a row without a goal or without a figure."""
        if not self.goal or self.judged is None:
            return None
        return self.judged <= self.at_most if self.at_most is not None else self.judged >= self.at_least


class Experiment:
    """What is set up once, measured once per round and variant, and told as rows from the medians.

    `variants` are measured one after the other in each round, so that a machine that is slow for a while is slow for all of
    them. An experiment whose figures do not swing says `rounds = 1`. The bench (see `run`) gives `quick`: smaller amounts, so
    that the whole smoke run stays within seconds."""

    name = ""  # what --only matches; begins the name of each of its rows
    variants = ("fairlead",)
    rounds = None  # None: as many as the command line says

    def __init__(self, bench):
        self.bench = bench

    def start(self):
        """Starts what all rounds share."""

    def measure(self, variant):
        """One round of one variant: {figure name: number}."""
        raise NotImplementedError

    def rows(self, median):
        """The rows, from {variant: {figure name: median}}."""
        raise NotImplementedError

    def stop(self):
        """Ends what start() began; called after a failure, too."""

    def run(self, rounds, progress):
        """Returns (rows, {variant: [figures of each round]})."""
        taken = {variant: [] for variant in self.variants}
        try:
            self.start()
            for count in range(self.rounds or rounds):
                for variant in self.variants:
                    progress(f"{self.name}: round {count + 1}, {variant}")
                    taken[variant].append(self.measure(variant))
        finally:
            self.stop()
        return self.rows({variant: medians(each) for variant, each in taken.items()}), taken


def medians(rounds):
    """{name: median} over the rounds that have that figure; what no round has is absent."""
    names = {name for figures in rounds for name in figures}
    found = {name: [figures[name] for figures in rounds if figures.get(name) is not None] for name in names}
    return {name: statistics.median(numbers) for name, numbers in found.items() if numbers}


def number(value):
    """Three digits that matter, without an exponent."""
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def table(rows):
    head = ["row", "figure", "unit", "reference", "beside", "ratio", "goal", "reached"]
    said = {True: "yes", False: "NO"}
    lines = [head]
    for row in rows:
        lines.append([row.name, number(row.figure), row.unit, number(row.reference) if row.beside else "", row.beside,
                      number(row.ratio) if row.beside else "", row.goal, said.get(row.reached, "not measured" if row.goal else "")])
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    right = {1, 3, 5}
    text = []
    for line, row in zip(lines, [None, *rows]):
        cells = [cell.rjust(width) if column in right else cell.ljust(width)
                 for column, (cell, width) in enumerate(zip(line, widths))]
        text.append("  ".join(cells).rstrip() + (f"   ({row.note})" if row and row.note else ""))
    return "\n".join(text)


def write_json(path, rows, taken, about):
    """`taken` is {experiment: {variant: [figures of each round]}}: a reader can judge the medians by it."""
    told = [{**dataclasses.asdict(row), "ratio": row.ratio, "goal": row.goal, "reached": row.reached} for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"about": about, "rows": told, "rounds": taken}, indent=1) + "\n")
