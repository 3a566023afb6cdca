"""The agent's memory ceiling: 200 who do not read, and as many services that do not, cost it no more than it was allowed."""
import collections
import concurrent.futures
import fcntl
import os
import pathlib
import re
import socket
import struct
import subprocess
import termios
import threading
import time
import unittest

from client import client_hello, read_all, read_exactly
from harness import LOOPBACK, MeshTest, find_program, needs_netns, needs_program, run_program, sanitized, wait_until

MIB = 1 << 20
CEILING = 8 * MIB
SLACK = MIB // 2  # what the heap keeps of what was freed, and pages of which a pipe holds a part
PEERS = 200
SIZE = 1536 * 1024  # of each transfer: more than all buffers on its way
KERNEL_MOST = 256 * 1024  # to which the kernel grows a buffer here, so that the other programs' stay small, too
PEER_BUFFER = 8 * 1024  # of those who do not read
STILL = 1.0  # seconds without a change: everything that can be stuck is
SERVER_HELLO = b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + bytes(32) + b"\x00\xc0\x2b\x00"
DOWN, UP, ECHO = b"d", b"u", b"e"


class Service:
    """TLS by its first bytes only: a ServerHello, then what the client's first byte asks for. Reads uploads when told."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PEER_BUFFER)
        self.listener.bind((LOOPBACK, 0))
        self.listener.listen(1024)
        self.target = f"{LOOPBACK}:{self.listener.getsockname()[1]}"
        self.reads = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=[sock], daemon=True).start()

    def serve(self, sock):
        with sock:
            head = read_exactly(sock, 5)
            read_exactly(sock, struct.unpack(">H", head[3:])[0])
            sock.sendall(SERVER_HELLO)
            kind = read_exactly(sock, 1)
            if kind == DOWN:
                sock.sendall(bytes(SIZE))
            elif kind == UP:
                self.reads.wait()
                sock.sendall(struct.pack(">I", len(read_exactly(sock, SIZE))))
            else:
                sock.sendall(read_exactly(sock, len(ECHO_WORDS)))


ECHO_WORDS = os.urandom(64 * 1024)


class Holdings:
    """What a process holds for its connections: sockets and pipes in the kernel, and memory of its own beyond that of its start."""

    def __init__(self, process):
        self.process, self.own, self.most, self.parts = process, process.memory(), 0, {}

    def look(self):
        kinds = collections.defaultdict(dict)
        folder = pathlib.Path(f"/proc/{self.process.pid}/fd")
        for entry in folder.iterdir():
            try:
                kind, _, number = os.readlink(entry).partition(":")
            except FileNotFoundError:  # closed meanwhile
                continue
            kinds[kind][number.strip("[]")] = entry
        self.parts = {"own": max(0, self.process.memory() - self.own), "sockets": sockets_memory(kinds["socket"]),
                      "pipes": sum(map(pipe_bytes, kinds["pipe"].values()))}
        total = sum(self.parts.values())
        self.most = max(self.most, total)
        return total

    def settle(self):
        """The total once it does not change any more."""
        last = [time.monotonic(), None]

        def still():
            now = self.look()
            if now != last[1]:
                last[:] = [time.monotonic(), now]
            return time.monotonic() - last[0] > STILL

        wait_until(still, "all that can be stuck is stuck", 60)
        return last[1]


def sockets_memory(inodes):
    """Receive and send queues with the kernel's bookkeeping, what is reserved for them, and the backlog (ss -m)."""
    lines = subprocess.run([find_program("ss"), "-tmneHO"], capture_output=True, text=True, check=True).stdout.splitlines()
    total = 0
    for line in lines:
        inode, memory = re.search(r"ino:(\d+)", line), re.search(r"skmem:\((.*?)\)", line)
        if not inode or inode[1] not in inodes or not memory:
            continue
        fields = dict(re.fullmatch(r"([a-z]+)(\d+)", field).groups() for field in memory[1].split(","))
        total += sum(int(fields[name]) for name in ("r", "w", "f", "bl"))
    return total


def pipe_bytes(entry):
    try:
        with open(os.open(entry, os.O_RDONLY | os.O_NONBLOCK), "rb") as pipe:
            waiting = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]
    except OSError:  # closed meanwhile, or its number is a socket's now
        return 0
    return waiting // 2  # both of its ends were found


@needs_netns
@needs_program("ss")
@unittest.skipIf(sanitized(), "a sanitizer's memory is not the agent's")
class Memory(MeshTest):
    def setUp(self):
        super().setUp()
        for name in ("tcp_rmem", "tcp_wmem"):
            pathlib.Path(f"/proc/sys/net/ipv4/{name}").write_text(f"4096 16384 {KERNEL_MOST}")
        self.service = Service()
        self.mesh.start_rendezvous()

    def start(self, memory):
        limits = {"memory": memory} if memory else {}
        self.agent = self.mesh.start_agent("nas1", [{"name": "web", "target": self.service.target}], tables={
            "limits": limits, "nat": {"listen": []}})
        self.connect(ECHO).close()  # what is needed once is there
        self.holdings = Holdings(self.agent)

    def connect(self, kind):
        """A relayed connection whose service knows what is wanted; refused: EOFError."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PEER_BUFFER)
        sock.settimeout(30)
        sock.connect((LOOPBACK, self.mesh.rendezvous_port))
        sock.sendall(client_hello("web.home"))  # each client has a random of its own
        self.assertEqual(read_exactly(sock, len(SERVER_HELLO)), SERVER_HELLO)
        sock.sendall(kind)
        self.addCleanup(sock.close)
        return sock

    def echo(self):
        with self.connect(ECHO) as sock:
            threading.Thread(target=sock.sendall, args=[ECHO_WORDS], daemon=True).start()
            return read_exactly(sock, len(ECHO_WORDS))

    def connect_all(self, kind):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            return list(pool.map(lambda _: self.connect(kind), range(PEERS)))

    def push(self, sock):
        """One upload and the service's answer: how much it read."""
        sock.sendall(bytes(SIZE))
        return struct.unpack(">I", read_exactly(sock, 4))[0]

    def watched(self, pool, jobs):
        """Their results; what the agent holds is looked at meanwhile."""
        running = [pool.submit(*job) for job in jobs]
        wait_until(lambda: (self.holdings.look(), all(each.done() for each in running))[1], "all are done", 120)
        return [each.result() for each in running]

    def slow_readers(self):
        """What is held once all is stuck; then everybody reads."""
        readers = self.connect_all(DOWN)
        held = self.holdings.settle()
        self.assertEqual(self.agent.status()["limits"]["relays_max"]["used"], PEERS)
        self.assertEqual(self.echo(), ECHO_WORDS)  # who reads gets through between them
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            # Each moves as soon as it reads, whatever the others do.
            some = self.watched(pool, [(read_exactly, sock, SIZE // 4) for sock in readers])
            rest = self.watched(pool, [(read_all, sock) for sock in readers])
        for first, last in zip(some, rest):
            self.assertEqual(len(first) + len(last), SIZE)
        self.end(readers)
        return held

    def end(self, socks):
        for sock in socks:
            sock.close()
        wait_until(lambda: self.agent.status()["limits"]["relays_max"]["used"] == 0, "all relays have ended")

    def slow_services(self):
        writers = self.connect_all(UP)
        with concurrent.futures.ThreadPoolExecutor(PEERS) as pool:
            pushed = [pool.submit(self.push, sock) for sock in writers]
            held = self.holdings.settle()
            self.assertEqual(self.echo(), ECHO_WORDS)
            self.service.reads.set()
            wait_until(lambda: (self.holdings.look(), all(each.done() for each in pushed))[1], "all are done", 120)
            self.assertEqual([each.result() for each in pushed], [SIZE] * PEERS)
        self.end(writers)
        return held

    def test_slow_readers_and_slow_services_stay_below_it(self):
        self.start("8MiB")
        for held in (self.slow_readers(), self.slow_services()):
            self.assertGreater(held, CEILING // 8)  # they were stuck, indeed
        print(f"most held: {self.holdings.most / MIB:.1f} MiB")
        self.assertLess(self.holdings.most, CEILING + SLACK)
        state = self.agent.status()
        self.assertEqual(state["limits"]["memory"]["max"], CEILING)
        self.assertLess(state["limits"]["memory"]["used"], CEILING // 2)  # all was given back
        self.assertNotIn("memory_limit", state["refused"])

    def test_without_a_ceiling_the_same_goes_beyond_it(self):
        self.start(None)
        held = self.slow_readers()
        print(f"held: {held / MIB:.1f} MiB")
        self.assertGreater(held, 2 * CEILING)
        self.assertNotIn("memory", self.agent.status()["limits"])

    def test_who_is_beyond_it_is_refused_and_the_others_go_on(self):
        self.start("512KiB")
        refused = []
        live = []
        for _ in range(20):
            try:
                live.append(self.connect(DOWN))
            except EOFError as end:
                refused.append(end)
        self.assertGreaterEqual(len(live), 4)
        self.assertEqual(len(live) + len(refused), 20)
        self.agent.wait_counted("memory_limit", above=len(refused) - 1)
        used = self.agent.status()["limits"]["memory"]
        self.assertLessEqual(used["used"], used["max"])
        for sock in live:
            self.assertEqual(len(read_all(sock)), SIZE)
        self.end(live)
        self.assertEqual(self.echo(), ECHO_WORDS)

    def test_it_is_checked_and_explained(self):
        config = self.mesh.agent_config("nas2", tables={"limits": {"memory": "8MiB"}})
        answer = run_program("fairlead-agent", "check", "--config", config)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertRegex(answer.stdout, r"memory 8MiB: at least 2\d\d relays")
        config = self.mesh.agent_config("nas3", tables={"limits": {"memory": "100KiB"}})
        answer = run_program("fairlead-agent", "check", "--config", config)
        self.assertEqual(answer.returncode, 2)
        self.assertIn("limits.memory", answer.stderr)
        self.assertIn("512KiB", answer.stderr)
        self.assertEqual(run_program("fairlead-agent", "explain", "memory_limit").returncode, 0)
