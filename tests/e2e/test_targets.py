"""What stands behind an agent: names that are not resolved, addresses that do not answer, sockets that are busy."""
import concurrent.futures
import contextlib
import socket
import time

from client import Caller
from dns_server import DnsServer
from harness import LOOPBACK, SOON, Mesh, MeshTest, binary, free_port, needs_netns, wait_until
from static_agent import StaticAgent, in_private

AT_ONCE = 40
SILENT_CALLS, CALLS = 12, 17  # more lookups of one name than any pool of threads has


class PrivateMesh(Mesh):
    """A mesh whose agents see other files than the rest of the machine."""

    files = {}

    def new_agent(self, name, config, netns):
        command = [*in_private(self, self.files), binary("fairlead-agent")]
        return StaticAgent(command, name, config, self.dir / f"{name}.log", netns)


class Busy(MeshTest):
    def test_a_unix_socket_with_a_short_queue_serves_all_who_come_at_once(self):
        self.mesh.start_rendezvous()
        service = self.mesh.start_service(listen=f"unix:{self.mesh.dir}/web.service", options=["--backlog", "4"])
        self.mesh.start_agent(services=[{"name": "web", "target": service.target}])
        caller = Caller(self.mesh)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda _: caller.echo("web.home"), range(AT_ONCE)))
        self.assertEqual(answers, [b"hello over the relay"] * AT_ONCE)


@needs_netns
class Names(MeshTest):
    def setUp(self):
        self.mesh = PrivateMesh()
        self.addCleanup(lambda: self.mesh.close(failed=self.has_failed()))
        self.mesh.start_rendezvous()

    def start_by_dns(self, services, **names):
        server = DnsServer(**names)
        self.addCleanup(server.close)
        self.mesh.files = {"/etc/hosts": "", "/etc/resolv.conf": f"nameserver {LOOPBACK}\n"}
        self.agent = self.mesh.start_agent(services=services)
        return server

    def call_silent(self, caller):
        with contextlib.suppress(OSError):
            caller.echo("silent.home")

    def test_a_silent_name_is_in_nobodys_way_and_does_not_delay_the_end(self):
        service = self.mesh.start_service()
        server = self.start_by_dns(
            [{"name": "silent", "target": "silent.test:443"},
             {"name": "web", "target": service.target.replace(LOOPBACK, "web.inside.test")}],
            addresses={"web.inside.test": LOOPBACK}, silent=["silent.test"])
        caller = Caller(self.mesh)
        with concurrent.futures.ThreadPoolExecutor(SILENT_CALLS) as pool:
            stuck = [pool.submit(self.call_silent, caller) for _ in range(SILENT_CALLS)]
            wait_until(lambda: "silent.test" in server.asked, "the silent name is asked for")
            began = time.monotonic()
            answers = [caller.echo("web.home") for _ in range(CALLS)]
            took = time.monotonic() - began
            ended = self.agent.stop(SOON)
            self.mesh.rendezvous_port = None
            concurrent.futures.wait(stuck)
        self.assertEqual(answers, [b"hello over the relay"] * CALLS)
        self.assertLess(took, SOON)
        self.assertEqual(ended, 0)  # in time: who does not end is killed

    def test_each_address_of_a_target_has_its_turn(self):
        port = free_port()
        self.mesh.start_service(listen=f"127.0.1.1:{port}")  # which a resolver's order puts last (RFC 6724, rule 9)
        with socket.socket() as full, contextlib.ExitStack() as queue:
            full.bind(("127.0.0.9", port))
            full.listen(0)
            for _ in range(2):  # what comes beyond its queue is not answered
                filler = queue.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.9", port))
            self.mesh.files = {"/etc/hosts": "".join(f"{each} web.inside.test\n" for each in ("127.0.0.8", "127.0.0.9", "127.0.1.1"))}
            self.mesh.start_agent(services=[{"name": "web", "target": f"web.inside.test:{port}"}])
            caller = Caller(self.mesh)
            self.assertEqual([caller.echo("web.home") for _ in range(3)], [b"hello over the relay"] * 3)
