"""The rendezvous's budget for relays whose peers do not read: many of them cost the kernel little, and the others notice nothing."""
import concurrent.futures
import pathlib
import socket
import unittest

import test_memory
from client import client_hello, read_exactly
from harness import LOOPBACK, MeshTest, needs_netns, needs_program, sanitized, wait_until

MIB = 1 << 20
CLIENTS = 100
BUDGET = 48 * MIB
KERNEL_MOST = MIB  # to which the kernel grows a buffer here: all programs of the test share its memory
SIZE = 16 * MIB  # of each download: more than all buffers on its way


@needs_netns
@needs_program("ss")
@unittest.skipIf(sanitized(), "a sanitizer's memory is not the program's")
class RelayMemory(MeshTest):
    def setUp(self):
        super().setUp()
        pathlib.Path("/proc/sys/net/ipv4/tcp_rmem").write_text(f"4096 131072 {KERNEL_MOST}")
        pathlib.Path("/proc/sys/net/ipv4/tcp_wmem").write_text(f"4096 16384 {KERNEL_MOST}")
        self.service = test_memory.Service()
        self.service_size, test_memory.SIZE = test_memory.SIZE, SIZE
        self.addCleanup(setattr, test_memory, "SIZE", self.service_size)
        self.hello = client_hello("web.home")

    def start(self, budget):
        self.rendezvous = self.mesh.start_rendezvous(tables={"limits": {"relay_memory": budget}})
        self.mesh.start_agent("nas1", [{"name": "web", "target": self.service.target}], tables={"nat": {"listen": []}})
        self.connect(test_memory.ECHO).close()  # what is needed once is there
        self.holdings = test_memory.Holdings(self.rendezvous)

    def connect(self, kind):
        sock = socket.create_connection((LOOPBACK, self.mesh.rendezvous_port), 30)
        self.addCleanup(sock.close)
        sock.sendall(self.hello)
        read_exactly(sock, len(test_memory.SERVER_HELLO))
        sock.sendall(kind)
        return sock

    def stall(self):
        """What the kernel holds for the rendezvous once all downloads are stuck; the clients, oldest first."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            clients = list(pool.map(lambda _: self.connect(test_memory.DOWN), range(CLIENTS)))
        self.holdings.settle()
        held = self.holdings.parts["sockets"] + self.holdings.parts["pipes"]
        print(f"held: {held / MIB:.1f} MiB, {held / CLIENTS / 1024:.0f} KiB each")
        return held, clients

    def test_many_who_do_not_read_cost_little_and_lose_nothing(self):
        self.start("48MiB")
        held, clients = self.stall()
        self.assertLess(held, BUDGET * 3 / 2)  # twice the kernel's most for each where there is no budget
        with self.connect(test_memory.ECHO) as sock:  # who reads gets through between them
            sock.sendall(test_memory.ECHO_WORDS)
            self.assertEqual(read_exactly(sock, len(test_memory.ECHO_WORDS)), test_memory.ECHO_WORDS)
        for sock in (clients[0], clients[-1]):  # one from before memory was tight, and one from after
            self.assertEqual(len(read_exactly(sock, SIZE)), SIZE)
        self.assertNotIn("relay_memory", self.rendezvous.status()["closed"])

    def test_without_pressure_they_hold_as_much_as_the_kernel_likes(self):
        self.start("1GiB")
        held, _ = self.stall()
        self.assertGreater(held, BUDGET)

    def test_beyond_the_budget_the_fullest_are_ended(self):
        self.start("4MiB")
        _, clients = self.stall()
        self.rendezvous.wait_counted("relay_memory")

        def below():
            self.holdings.look()
            return self.holdings.parts["sockets"] <= 5 * MIB

        wait_until(below, "the budget holds", 60)
        for sock in clients:
            sock.close()
