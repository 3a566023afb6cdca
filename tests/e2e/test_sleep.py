"""How often an idle agent wakes: once per ping of its rendezvous, and for nothing else."""
import pathlib
import time

from harness import MeshTest, wait_until

PING_INTERVAL = 5
INTERVALS = 7
# One wake-up answers a ping. The rest: a timer of this machine that is late, the suspend alarm, a look by the kernel.
SPARE = 4
SETTLED = 3  # seconds without a wake-up but for pings: the start is over


def wake_ups(pid):
    """Voluntary context switches of all threads: each is a sleep that ended."""
    total = 0
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                total += int(line.split()[1])
    return total


class Sleep(MeshTest):
    def idle_agent(self, nat):
        self.mesh.start_rendezvous(tables={"limits": {"ping_interval": f"{PING_INTERVAL}s"}})
        agent = self.mesh.start_agent("nas1", [{"name": "web", "target": "127.0.0.1:9"}], tables={"nat": nat})
        quiet_since = [time.monotonic(), wake_ups(agent.pid)]

        def settled():
            now = wake_ups(agent.pid)
            if now != quiet_since[1]:
                quiet_since[:] = [time.monotonic(), now]
            return time.monotonic() - quiet_since[0] > SETTLED

        wait_until(settled, "the agent sleeps", 60)
        return agent

    def count(self, agent):
        """Wake-ups over INTERVALS pings. Nobody may ask the agent anything meanwhile."""
        before = wake_ups(agent.pid)
        end = time.monotonic() + INTERVALS * PING_INTERVAL
        wait_until(lambda: time.monotonic() > end or not agent.running(), "the time is over", INTERVALS * PING_INTERVAL + 5)
        woken = wake_ups(agent.pid) - before
        self.assertEqual([s["path"] for s in agent.status()["services"]], ["relay"])
        # Its session lives on those pings: one that slept through them would have lost it.
        self.assertGreaterEqual(woken, INTERVALS - 1)
        return woken

    def test_with_the_relay_alone(self):
        agent = self.idle_agent({"mapping": "off", "listen": []})
        self.assertLessEqual(self.count(agent), INTERVALS + SPARE)

    def test_with_listeners(self):
        agent = self.idle_agent({"mapping": "off"})
        self.assertLessEqual(self.count(agent), INTERVALS + SPARE)
