"""Two agents serve one service; one of them vanishes, stops, or its target refuses."""
import signal
import subprocess
import time

from client import Caller, client_hello
from harness import LOOPBACK, MeshTest, free_port, needs_netns, needs_program, wait_until

PING_INTERVAL = 3
A_FEW_SECONDS = 6  # no answer within 2 s, then the next endpoint


class Endpoints(MeshTest):
    def setUp(self):
        super().setUp()
        self.first_port, self.second_port = free_port(), free_port()
        self.rendezvous = self.mesh.start_rendezvous(port=self.first_port, tables={
            "server": {"listen": [f"{LOOPBACK}:{self.first_port}", f"{LOOPBACK}:{self.second_port}"]},
            "limits": {"ping_interval": f"{PING_INTERVAL}s"}})
        self.services = [self.mesh.start_service(name=name) for name in ("one", "two")]
        # The second agent has a port of the rendezvous to itself, so that its traffic alone can be dropped.
        self.agents = [self.mesh.start_agent(name, [{"name": "web", "target": service.target}], rendezvous=[f"{LOOPBACK}:{port}"])
                       for name, service, port in zip(("nas1", "nas2"), self.services, (self.first_port, self.second_port))]
        self.caller = Caller(self.mesh)

    def drop_second_port(self):
        subprocess.run(["nft", "add table inet wall; add chain inet wall in { type filter hook input priority 0; }; "
                               f"add rule inet wall in tcp dport {self.second_port} drop; "
                               f"add rule inet wall in tcp sport {self.second_port} drop"], check=True)

    def longest_of(self, count):
        """Connects again and again; the longest that any of them took. Every one must succeed."""
        longest = 0
        for _ in range(count):
            begin = time.monotonic()
            self.assertEqual(self.caller.echo("web.home"), b"hello over the relay")
            longest = max(longest, time.monotonic() - begin)
        return longest

    def agents_left(self):
        return {agent["name"] for agent in self.rendezvous.status("agents")["agents"]}

    def assert_withdrawn_without_harm(self):
        begin = time.monotonic()
        self.assertLess(self.longest_of(20), A_FEW_SECONDS)
        wait_until(lambda: self.agents_left() == {"nas1"}, "the dead agent is withdrawn", 3 * PING_INTERVAL)
        # Two missed pings and the deadline of the second: three intervals from the last answer at most.
        self.assertLess(time.monotonic() - begin, 3 * PING_INTERVAL + 1)
        self.assertLess(self.longest_of(20), 1)
        self.rendezvous.wait_counted("ping_timeout")

    @needs_netns
    @needs_program("nft")
    def test_an_agent_whose_traffic_is_dropped(self):
        self.assertLess(self.longest_of(10), 1)
        self.drop_second_port()
        self.addCleanup(restore_second_port)
        self.assert_withdrawn_without_harm()

    @needs_netns
    @needs_program("nft")
    def test_a_dropped_agent_comes_back_by_itself(self):
        self.drop_second_port()
        wait_until(lambda: self.agents_left() == {"nas1"}, "the dead agent is withdrawn", 4 * PING_INTERVAL)
        restore_second_port()
        wait_until(lambda: self.agents_left() == {"nas1", "nas2"}, "the agent is back", 40)

    def test_an_agent_that_is_stopped(self):
        self.agents[1].signal(signal.SIGSTOP)
        self.assert_withdrawn_without_harm()
        self.agents[1].signal(signal.SIGCONT)
        wait_until(lambda: self.agents_left() == {"nas1", "nas2"}, "the agent is back", 40)

    def test_an_agent_that_is_killed(self):
        self.agents[1].kill()
        wait_until(lambda: self.agents_left() == {"nas1"}, "the dead agent is withdrawn", 2)
        self.assertLess(self.longest_of(20), 1)

    def test_a_refusing_target_draws_no_traffic(self):
        self.services[1].kill()
        self.assertLess(self.longest_of(20), 2)
        refused = self.failures_of("nas2")
        self.assertLess(self.longest_of(30), 1)
        self.assertLessEqual(self.failures_of("nas2") - refused, 3)
        # Nobody was turned away: an attempt that failed is not another connection.
        self.assertEqual(self.rendezvous.counter("target_refused"), 0)

    def failures_of(self, name):
        return next(each["failures"] for each in self.rendezvous.status("services")["services"] if each["endpoint"] == name)

    def test_a_target_that_comes_back_is_used_again(self):
        address = self.services[1].target
        self.services[1].kill()
        self.assertLess(self.longest_of(10), 2)
        again = self.mesh.start_service(name="two", listen=address)
        wait_until(lambda: self.caller.echo("web.home") and again.records(event="connection"), "the second endpoint serves again", 60)


class ClosingTarget(MeshTest):
    def test_an_endpoint_that_accepts_and_closes_draws_no_traffic(self):
        """Its agent answers `accepted`, and it is always the less loaded one."""
        self.start_web("commands")
        closing = self.mesh.start_service("closes", name="two")
        beside = self.mesh.start_agent("nas2", [{"name": "web", "target": closing.target, "mutual": "unchecked"}])
        caller = Caller(self.mesh)
        failed = 0
        for _ in range(60):
            try:
                self.assertEqual(caller.echo("web.home"), b"hello over the relay")
            except (OSError, EOFError):
                failed += 1
        self.assertLessEqual(failed, 5)
        wait_until(lambda: self.rendezvous.counter("service_ended_early") == failed, "each early end is counted once")
        # Alone it is tried for want of a better one, and named.
        self.agent.kill()
        wait_until(lambda: self.rendezvous.status()["agents"]["total"] == 1, "the other agent is gone")
        for _ in range(3):
            self.assertRaises((OSError, EOFError), caller.echo, "web.home")
        wait_until(lambda: self.rendezvous.counter("service_ended_early") == failed + 3, "each early end is counted once")
        problems = self.rendezvous.status()["problems"]
        self.assertTrue(any(problem["service"] == "nas2.web.home" for problem in problems), problems)
        (problem,) = beside.status()["problems"]
        self.assertEqual((problem["code"], problem["service"]), ("service_ended_early", "web.home"))


def restore_second_port():
    subprocess.run(["nft", "delete table inet wall"], check=True)


class SilentTarget(MeshTest):
    def test_a_silent_service_holds_nobody_elses_connection(self):
        """A target that accepts and never answers belongs to its client; others go on."""
        self.start_web("commands")
        silent = self.mesh.start_service("silent", name="mute")
        self.mesh.start_agent("nas2", [{"name": "mute", "target": silent.target, "mutual": "unchecked"}])
        caller = Caller(self.mesh)
        with caller.dial() as sock:
            sock.sendall(client_hello("mute.home"))
            silent.wait_logged(event="connection")
            self.assertEqual(caller.echo("web.home"), b"hello over the relay")
        silent.wait_logged(event="closed")
