"""Idle scale and the restart storm: what an agent costs that does nothing, and what it takes until all are back."""
import time

import builds
from fleet import FleetWorld, kernel_memory, most_agents, refused, resident, reports, told
from harness import wait_until
from rows import Experiment, Row
from world import cpu_seconds

KIB = 1024
AGENTS, QUICK_AGENTS = 10_000, 100
TUNED_AGENTS = 2000  # memory per agent is the same from a few hundred on
FEW_AGENTS = 1000  # for full handshakes, where all would take minutes
IDLE_SECONDS, QUICK_IDLE_SECONDS = 25, 1  # one interval of pings
SETTLED, QUICK_SETTLED = 2.0, 0.2  # seconds: buffers of the last handshakes are given back
BACK = 120  # seconds after which a fleet that is not back counts as lost
TICKET_REFUSED = "resumption_refused"  # not the agent: it goes on with a full handshake
USER_GOAL, TUNED_GOAL, STORM_GOAL = 40, 12, 10
IN_VAIN_GOAL = 0.02


class Fleet(Experiment):
    """One fleet that connects, idles, and comes back after a restart with tickets and one without."""

    rounds = 1  # memory does not swing, and connecting 10,000 agents takes minutes
    agents, quick_agents, program = AGENTS, QUICK_AGENTS, None

    def start(self):
        self.world = FleetWorld()
        self.count = most_agents(self.quick_agents if self.bench.quick else self.agents)

    def connect(self):
        """The fleet, idle; {figure: number} of what it costs."""
        self.rendezvous = self.world.start_fleet_rendezvous(path=self.program)
        user, kernel = resident(self.rendezvous), kernel_memory()
        self.fleet = self.world.start_fleet(self.count)
        time.sleep(QUICK_SETTLED if self.bench.quick else SETTLED)
        # Over loopback the agents' ends of the connections are in the same kernel.
        return {"user": (resident(self.rendezvous) - user) / self.count / KIB,
                "kernel": (kernel_memory() - kernel) / 2 / self.count / KIB}

    def idle(self):
        span = QUICK_IDLE_SECONDS if self.bench.quick else IDLE_SECONDS
        begin = cpu_seconds(self.rendezvous.pid)
        time.sleep(span)
        return (cpu_seconds(self.rendezvous.pid) - begin) * (60 / span) * (1000 / self.count)

    def storm(self, tickets):
        """{figure: number} of a restart; "curve" is [[seconds since its start, agents registered]...]."""
        self.rendezvous = self.world.restart(self.rendezvous, tickets)
        away = told(self.fleet)
        wait_until(lambda: told(self.fleet)["at"] > away["at"], "the fleet reports")
        serving = told(self.fleet)  # what failed until now met nobody
        self.world.wait_back(BACK if tickets else BACK + self.count * 0.05)
        wall, cpu = time.monotonic() - self.rendezvous.started, cpu_seconds(self.rendezvous.pid)
        after = told(self.fleet)
        turned_away = {reason: count for reason, count in refused(self.rendezvous).items() if reason != TICKET_REFUSED}
        return {"wall": wall, "cpu": cpu, "resumed": after["resumed"], "refused": sum(turned_away.values()),
                "in vain": (after["failed"] - serving["failed"]) / self.count,
                "curve": [[round(each["at"] - after["at"] + wall, 2), each["registered"]] for each in reports(self.fleet)
                          if each["at"] >= after["at"] - wall]}

    def stop(self):
        if hasattr(self, "world"):
            self.world.close()


class Idle(Fleet):
    name = "scale"

    def measure(self, variant):
        figures = self.connect()
        figures["idle"] = self.idle()
        figures |= {f"storm {name}": each for name, each in self.storm(tickets=True).items()}
        return figures

    def rows(self, median):
        found = median["fairlead"]
        agents = f"{self.count:,} agents"
        storm = {name: found[f"storm {name}"] for name in ("wall", "cpu", "resumed", "refused", "in vain")}
        whole = self.bench.quick or self.count == AGENTS
        few = "" if whole else f"; the goal is about {AGENTS:,}: too few open files a process"
        return [
            Row("idle agent, user memory of the rendezvous", "KiB", found["user"], at_most=USER_GOAL, note=agents),
            Row("idle agent, kernel memory", "KiB", found["kernel"]),
            Row("idle, CPU of the rendezvous", "s/min per 1,000", found["idle"]),
            Row("restart with tickets, CPU of the rendezvous", "s", storm["cpu"], at_most=STORM_GOAL if whole else None, note=agents + few),
            Row("restart with tickets, all registered again after", "s", storm["wall"],
                note=f"{storm['resumed']:,.0f} of {agents} resumed"),
            Row("restart with tickets, refused", "", storm["refused"], at_most=0),
            Row("restart with tickets, attempts in vain", "per agent", storm["in vain"], at_most=IN_VAIN_GOAL,
                note="since it serves again: nobody comes at the same moment as all others"),
        ]


class Full(Fleet):
    """Without tickets every agent proves itself by a full handshake: measured with a few, and told per thousand."""

    name = "scale without tickets"
    agents = FEW_AGENTS

    def measure(self, variant):
        self.connect()
        return self.storm(tickets=False)

    def rows(self, median):
        found, thousands = median["fairlead"], self.count / 1000
        return [Row("restart without tickets, CPU of the rendezvous", "s per 1,000", found["cpu"] / thousands,
                    note=f"measured with {self.count:,} agents, {found['resumed']:,.0f} resumed"),
                Row("restart without tickets, all registered again after", "s per 1,000", found["wall"] / thousands,
                    note="agents and rendezvous on the same processors"),
                Row("restart without tickets, refused", "", found["refused"], at_most=0)]


class Tuned(Fleet):
    """The same rendezvous with the library that packaging/mbedtls tunes."""

    name = "scale tuned"
    agents, program = TUNED_AGENTS, builds.TUNED_RENDEZVOUS

    def start(self):
        if builds.TUNED_RENDEZVOUS.is_file():
            super().start()

    def measure(self, variant):
        return self.connect() if builds.TUNED_RENDEZVOUS.is_file() else {}

    def rows(self, median):
        note = f"{self.count:,} agents" if builds.TUNED_RENDEZVOUS.is_file() else builds.MISSING
        return [Row("idle agent, user memory, tuned library", "KiB", median["fairlead"].get("user"), at_most=TUNED_GOAL, note=note)]


EXPERIMENTS = [Idle, Full, Tuned]
