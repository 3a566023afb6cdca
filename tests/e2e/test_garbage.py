"""Ten thousand connections of garbage: the server goes on serving, forgets them, and has counted each kind."""
import asyncio
import collections
import os
import random
import threading

from client import Caller, client_hello
from harness import LOOPBACK, MeshTest, sanitized, wait_until

CONNECTIONS = 10_000
WARM_UP = 1_500
AT_A_TIME = 1_200
SOURCES = 200  # 127.0.1.1 and up, so that the limit per source is not what ends them
CLASSIFY_TIMEOUT = 2
MEMORY_SLACK = 4 << 20
HTTP = b"GET / HTTP/1.1\r\nHost: web.home\r\nUser-Agent: scanner\r\n\r\n"


class Garbage:
    """The kinds: each gives the bytes to send and what to do after them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.genuine = client_hello("web.home")

    def make(self, kind):
        return getattr(self, kind)()

    def random_bytes(self):
        size = self.random.randrange(1, 600)
        data = bytearray(self.random.randbytes(size))
        while data[0] in (0x16, 0xF1):  # TLS handshake records and tickets have kinds of their own
            data[0] = self.random.randrange(256)
        return bytes(data), "wait"

    def plain_http(self):
        return HTTP, "wait"

    def truncated_and_ended(self):
        return self.genuine[:self.random.randrange(1, len(self.genuine))], "end"

    def truncated_and_held(self):
        return self.genuine[:self.random.randrange(1, len(self.genuine))], "wait"

    def flipped(self):
        data = bytearray(self.genuine)
        data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        return bytes(data), "end"

    def broken_ticket(self):
        return b"\xf1FLD" + self.random.randbytes(57), "wait"

    def half_open(self):
        return b"", "wait"

    def byte_by_byte(self):
        return self.genuine, "drip"


# Kind -> its share of all, and the reasons that may count it.
KINDS = {
    "random_bytes": (15, {"client_not_tls"}),
    "plain_http": (15, {"client_not_tls"}),
    "truncated_and_ended": (15, {"client_closed", "client_hello_malformed"}),
    "truncated_and_held": (10, {"classify_timeout", "unclassified_max"}),
    "flipped": (15, set()),  # anything from an unknown name to a hello that is still a good one
    "broken_ticket": (10, {"ticket_malformed", "ticket_unknown_session"}),
    "half_open": (15, {"classify_timeout", "unclassified_max"}),
    "byte_by_byte": (5, {"classify_timeout", "unclassified_max"}),
}


async def one(port, source, data, then):
    """Plays one piece of garbage and waits for the server to end it; True if it did."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port, local_addr=(source, 0))
    try:
        if then == "drip":
            for byte in data:
                writer.write(bytes([byte]))
                await writer.drain()
                if await ended(reader, 1):
                    return True
            return False
        writer.write(data)
        if then == "end":
            writer.write_eof()
        return await ended(reader, 30)
    except OSError:  # it has been reset: that is an end, too
        return True
    finally:
        writer.transport.abort()


async def ended(reader, seconds):
    try:
        while await asyncio.wait_for(reader.read(4096), seconds):
            pass
        return True
    except ConnectionError:
        return True
    except TimeoutError:
        return False


async def throw(port, count, seed):
    """Throws count pieces of all kinds, shuffled; {kind: number}, and those that the server did not end."""
    garbage = Garbage(seed)
    total = sum(share for share, _ in KINDS.values())
    kinds = [kind for kind, (share, _) in KINDS.items() for _ in range(count * share // total)]
    garbage.random.shuffle(kinds)
    gate = asyncio.Semaphore(AT_A_TIME)
    left_open = []

    async def play(number, kind):
        async with gate:
            data, then = garbage.make(kind)
            if not await one(port, f"127.0.1.{number % SOURCES + 1}", data, then):
                left_open.append(kind)

    await asyncio.gather(*(play(number, kind) for number, kind in enumerate(kinds)))
    return collections.Counter(kinds), left_open


class TenThousand(MeshTest):
    def counts(self):
        state = self.rendezvous.status()
        return collections.Counter(state["closed"]) + collections.Counter(state["refused"])

    def settle(self):
        wait_until(lambda: all(limit["used"] == 0 for name, limit in self.rendezvous.status()["limits"].items()
                               if name in ("unclassified_max", "handshakes_max", "relays_max")), "nothing is in use", 30)

    def test_the_server_goes_on_serving(self):
        # Access lines of 10,000 refusals would measure the log.
        self.start_web(tables={"limits": {"classify_timeout": f"{CLASSIFY_TIMEOUT}s"}, "log": {"access": "off"}})
        caller = Caller(self.mesh)
        asyncio.run(throw(self.rendezvous.port, WARM_UP, 1))
        self.settle()
        memory, descriptors, before = self.rendezvous.memory(), self.rendezvous.descriptors(), self.counts()

        results = []
        thrower = threading.Thread(target=lambda: results.append(asyncio.run(throw(self.rendezvous.port, CONNECTIONS, 2))))
        thrower.start()
        served = 0
        while thrower.is_alive():
            self.assertEqual(caller.echo("web.home"), b"hello over the relay")
            served += 1
        thrower.join()
        (kinds, left_open), = results
        self.assertEqual(left_open, [])
        self.assertGreater(served, 20)

        self.settle()
        counted = self.counts() - before
        expected = collections.Counter()
        for kind, (_, reasons) in KINDS.items():
            if reasons:
                expected[frozenset(reasons)] += kinds[kind]
        for reasons, number in expected.items():
            self.assertGreaterEqual(sum(counted[reason] for reason in reasons), number, (reasons, counted))
        self.assertGreater(counted["client_hello_malformed"], 0)
        self.assertGreaterEqual(sum(counted.values()), kinds.total() + served)
        wait_until(lambda: self.rendezvous.descriptors() <= descriptors + 8, "descriptors are back", 10)
        if not sanitized():
            self.assertLess(self.rendezvous.memory() - memory, MEMORY_SLACK)
        self.assertEqual(caller.echo("web.home"), b"hello over the relay")


class Limits(MeshTest):
    """Each limit is counted when it is met, and those outside it are served."""

    def hold(self, count, caller, source):
        for _ in range(count):
            self.addCleanup(caller.dial(source).close)

    def test_unclassified_per_source(self):
        self.start_web(tables={"limits": {"unclassified_per_source": 10}})
        caller = Caller(self.mesh)
        self.hold(15, caller, "127.0.0.7")
        self.rendezvous.wait_counted("unclassified_per_source", above=4)
        self.assertEqual(caller.echo("web.home"), b"hello over the relay")

    def test_unclassified_max(self):
        self.start_web(tables={"limits": {"unclassified_max": 20, "classify_timeout": "2s"}})
        caller = Caller(self.mesh)
        for number in range(10):
            self.hold(3, caller, f"127.0.0.{number + 10}")
        self.rendezvous.wait_counted("unclassified_max")
        state = self.rendezvous.status()
        self.assertEqual(state["limits"]["unclassified_max"]["max"], 20)
        self.rendezvous.wait_counted("classify_timeout", above=9)
        wait_until(lambda: self.rendezvous.status()["limits"]["unclassified_max"]["used"] == 0, "the places are free again")
        self.assertEqual(caller.echo("web.home"), b"hello over the relay")

    def test_one_source_does_not_keep_others_out(self):
        self.start_web(tables={"limits": {"unclassified_max": 20, "unclassified_per_source": 1000}})
        caller = Caller(self.mesh)
        self.hold(60, caller, "127.0.0.7")
        self.rendezvous.wait_counted("unclassified_max")
        for number in range(10):
            self.assertEqual(caller.echo("web.home"), b"hello over the relay")
            self.hold(5, caller, "127.0.0.7")

    def test_classify_bytes(self):
        self.start_web(tables={"limits": {"classify_bytes": 4096}})
        caller = Caller(self.mesh)
        # A ClientHello that says it is 16 MiB long, in full records.
        record = b"\x16\x03\x01\x40\x00" + b"\x01\xff\xff\xff\x03\x03" + os.urandom(16378)
        caller.alert_for(record * 4)
        wait_until(lambda: self.rendezvous.counter("classify_too_long") + self.rendezvous.counter("client_hello_malformed"), "it is counted")

    def check_relay_limit(self, limit, reason):
        self.start_web(tables={"limits": {limit: 3}})
        caller = Caller(self.mesh)
        held = [caller.connect("web.home") for _ in range(3)]
        self.assertIsNotNone(caller.alert_for(client_hello("web.home")))
        self.rendezvous.wait_counted(reason)
        self.assertEqual(self.rendezvous.status()["limits"][limit]["max"], 3)
        for tls in held:
            tls.close()
        wait_until(lambda: self.rendezvous.status()["relays"]["live"] == 0, "the relays ended")
        self.assertEqual(caller.echo("web.home"), b"hello over the relay")

    def test_relays_per_source(self):
        self.check_relay_limit("relays_per_source", "relays_per_source")

    def test_relays_per_service(self):
        self.check_relay_limit("relays_per_service", "relays_per_service")

    def test_relays_per_agent(self):
        self.check_relay_limit("relays_per_agent", "relays_per_agent")

    def test_relays_max(self):
        self.check_relay_limit("relays_max", "server_full")
