"""[limits] memory where requests are read: callers who do not read their answers, and a target that does not read their bodies."""
import concurrent.futures
import pathlib
import socket
import unittest

from client import Caller, read_exactly
from harness import MeshTest, needs_netns, needs_program, sanitized, wait_until
from http_target import BIG, HttpTarget
from test_memory import CEILING, KERNEL_MOST, MIB, PEER_BUFFER, SLACK, Holdings

MOST = 60  # more than there is room for


class SmallCaller(Caller):
    def dial(self, source=None, timeout=30):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PEER_BUFFER)
        sock.settimeout(timeout)
        sock.connect((self.host, self.port))
        return sock


def read_head(tls):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read_exactly(tls, 1)
    return head


@needs_netns
@needs_program("ss")
@unittest.skipIf(sanitized(), "a sanitizer's memory is not the agent's")
class HttpMemory(MeshTest):
    def setUp(self):
        super().setUp()
        for name in ("tcp_rmem", "tcp_wmem"):
            pathlib.Path(f"/proc/sys/net/ipv4/{name}").write_text(f"4096 16384 {KERNEL_MOST}")
        self.target = HttpTarget()
        self.addCleanup(self.target.close)
        self.target.server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PEER_BUFFER)
        self.mesh.start_rendezvous()
        self.agent = self.mesh.start_agent("nas1", [{"name": "web", "target": self.target.address, "tls": "terminate", "protocol": "http",
                                                     "allow": ["mesh"]}], tables={"limits": {"memory": "8MiB"}, "nat": {"listen": []}})
        self.caller = SmallCaller(self.mesh)
        self.ask(b"GET /headers HTTP/1.1\r\nHost: a\r\n\r\n").close()  # what is needed once is there
        wait_until(lambda: self.live() == 0, "it has ended")
        self.holdings = Holdings(self.agent)

    def live(self):
        return self.agent.status()["limits"]["relays_max"]["used"]

    def ask(self, request):
        tls = self.caller.connect("web.home")
        self.addCleanup(tls.close)
        tls.sendall(request)
        return tls

    def ask_all(self, request):
        """As many as there is room for."""
        callers = []
        for _ in range(MOST):
            try:
                callers.append(self.ask(request))
            except OSError:
                break
        self.assertGreater(len(callers), 20)
        self.assertLess(len(callers), MOST)
        self.agent.wait_counted("memory_limit")
        return callers

    def check_held(self):
        held = self.holdings.settle()
        print(f"held: {held / MIB:.1f} MiB")
        self.assertGreater(held, CEILING // 8)  # they were stuck, indeed

    def check_most(self):
        print(f"most held: {self.holdings.most / MIB:.1f} MiB")
        self.assertLess(self.holdings.most, CEILING + SLACK)
        wait_until(lambda: self.live() == 0, "all have ended")
        state = self.agent.status()["limits"]["memory"]
        self.assertLess(state["used"], CEILING // 2)  # all was given back

    def test_callers_who_do_not_read(self):
        callers = self.ask_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        self.check_held()
        for tls in callers:
            self.assertTrue(read_head(tls).startswith(b"HTTP/1.1 200 "))
            self.holdings.look()
            self.assertEqual(read_exactly(tls, BIG) == bytes(BIG), True)
            tls.close()
        self.check_most()

    def test_a_target_that_does_not_read(self):
        callers = self.ask_all(b"POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % BIG)
        with concurrent.futures.ThreadPoolExecutor(MOST) as pool:
            sent = [pool.submit(tls.sendall, bytes(BIG)) for tls in callers]
            self.check_held()
            self.target.reads.set()
            wait_until(lambda: (self.holdings.look(), all(each.done() for each in sent))[1], "all are sent", 120)
        for tls in callers:
            self.assertTrue(read_head(tls).startswith(b"HTTP/1.1 200 "))
            tls.close()
        self.check_most()
