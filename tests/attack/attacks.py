"""What somebody without a certificate does, each at twice the rate that once shut honest peers out.

An attack is a generator function of the rendezvous's port: it yields once it is at its height, and cleans up when it is closed.
From the second loopback address on, so that honest peers' own address is not what is limited.
"""
import contextlib
import itertools
import os
import socket
import threading

from client import client_hello

SERVER = "127.0.0.1"
ATTACKER = "127.0.0.66"
HELD_AT_MOST = 9000
SEND_TIMEOUT = 5


class Sockets:
    """Connections that an attacker holds; the oldest go when it has too many."""

    def __init__(self, port):
        self.port, self.held = port, []

    def open(self, first_bytes):
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind((ATTACKER, 0))
        sock.connect_ex((SERVER, self.port))
        self.held.append(sock)
        if len(self.held) > HELD_AT_MOST:
            self.held.pop(0).close()
        sock.settimeout(SEND_TIMEOUT)
        with contextlib.suppress(OSError):  # turned away already
            sock.send(first_bytes)

    def open_all_the_time(self, per_second, first_bytes):
        """Until the event that is given back is set."""
        stopped = threading.Event()

        def work():
            while not stopped.wait(1 / per_second):
                self.open(first_bytes())
        thread = threading.Thread(target=work)
        thread.start()
        return stopped, thread

    def close(self):
        for sock in self.held:
            sock.close()


@contextlib.contextmanager
def held(port):
    sockets = Sockets(port)
    try:
        yield sockets
    finally:
        sockets.close()


@contextlib.contextmanager
def all_the_time(sockets, per_second, first_bytes):
    stopped, thread = sockets.open_all_the_time(per_second, first_bytes)
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def stalled_handshakes(port):
    """4,000 ClientHellos for the rendezvous's own name at once, none of which goes on."""
    hello = client_hello("rv1.test", alpn=["fairlead/1"])
    with held(port) as sockets:
        for _ in range(4000):
            sockets.open(hello)
        yield


def steady_handshakes(port):
    """120 such a second, for good."""
    hello = client_hello("rv1.test", alpn=["fairlead/1"])
    with held(port) as sockets, all_the_time(sockets, 120, lambda: hello):
        yield


def silent_connections(port):
    """Connections without a word, 8,192 at once and 200 a second behind them."""
    with held(port) as sockets:
        for _ in range(8192):
            sockets.open(b"")
        with all_the_time(sockets, 200, lambda: b""):
            yield


def relays_that_say_nothing(port):
    """8,192 ClientHellos for the service that honest clients use, none of which goes on."""
    hello = client_hello("web.home")
    with held(port) as sockets:
        for _ in range(8192):
            sockets.open(hello)
        with all_the_time(sockets, 50, lambda: hello):
            yield


def garbage(port):
    """Half a ClientHello, noise, names that nobody has: 400 a second."""
    hello = client_hello("web.home")
    kinds = itertools.cycle([hello[:len(hello) // 2], os.urandom(512), client_hello("nobody.nowhere"), b"GET / HTTP/1.1\r\n\r\n"])
    with held(port) as sockets, all_the_time(sockets, 400, lambda: next(kinds)):
        yield


ATTACKS = [stalled_handshakes, steady_handshakes, silent_connections, relays_that_say_nothing, garbage]
