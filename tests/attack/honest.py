"""Those who want nothing but their service while somebody attacks: a client and agents, watched with and without."""
import itertools
import threading
import time

from client import Caller
from harness import services_up, wait_until

CALL_EVERY = 0.05
CALL_TIMEOUT = 15
JOIN_WITHIN = 30
GREETING = b"hello over the relay"


class Watch:
    """What one kind of honest peers saw in one period."""

    def __init__(self):
        self.took, self.failed = [], []

    def run(self, work):
        begin = time.monotonic()
        try:
            work()
        except Exception as problem:  # whatever it was, an honest peer did not get through
            self.failed.append(f"{type(problem).__name__}: {problem}")
        else:
            self.took.append(time.monotonic() - begin)

    @property
    def asked(self):
        return len(self.took) + len(self.failed)

    @property
    def p99(self):
        ordered = sorted(self.took)
        return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] if ordered else float("inf")


class Honest:
    """A client that calls all the time, and new agents one after the other, for as long as watched() is asked."""

    def __init__(self, mesh, service, source=None):
        self.mesh, self.service, self.source = mesh, service, source
        self.caller = Caller(mesh)
        self.names = (f"honest{number}" for number in itertools.count(1))

    def watched(self, seconds):
        """(client's Watch, agents' Watch) of the next so many seconds."""
        client, agents = Watch(), Watch()
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=self.call, args=(client, until)),
                   threading.Thread(target=self.join, args=(agents, until))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return client, agents

    def call(self, watch, until):
        while time.monotonic() < until:
            watch.run(self.call_once)
            time.sleep(CALL_EVERY)

    def call_once(self):
        if self.caller.echo("web.home", GREETING, source=self.source, timeout=CALL_TIMEOUT) != GREETING:
            raise RuntimeError("other bytes than were sent")

    def join(self, watch, until):
        while time.monotonic() < until:
            name = next(self.names)
            config = self.mesh.agent_config(name, [{"name": "web", "target": self.service.target}])
            agent = self.mesh.run_agent(name, config, ready=False)
            watch.run(lambda: wait_until(lambda: services_up(agent), f"{name} has a path", JOIN_WITHIN))
            agent.stop()
