"""A name server for tests that run in a network namespace of their own: a few names with IPv4 addresses, no others;
names that it is told to be silent about get no answer at all."""
import socket
import struct
import threading

from harness import LOOPBACK

PORT = 53
TYPE_A, CLASS_IN = 1, 1
HEADER = 12
RESPONSE, NAME_ERROR = 0x8180, 0x8183  # RFC 1035 §4.1.1: an answer, recursion available; the same, no such name
NAME_OF_QUESTION = 0xC000 | HEADER  # §4.1.4: a pointer to the name in the question
SECONDS_TO_LIVE = 60


class DnsServer:
    """Answers on 127.0.0.1:53 until closed; .asked has the names that were asked for."""

    def __init__(self, addresses, silent=()):
        self.addresses, self.silent, self.asked = addresses, set(silent), set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, PORT))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            query, client = self.socket.recvfrom(512)
            if not query:  # close() sends that
                return
            if answer := self.answer(query):
                self.socket.sendto(answer, client)

    def answer(self, query):
        """RFC 1035 §4.1, for a query with one question."""
        labels, at = [], HEADER
        while size := query[at]:
            labels.append(query[at + 1:at + 1 + size].decode())
            at += 1 + size
        end = at + 1 + 4
        name, (kind, _) = ".".join(labels).lower(), struct.unpack(">HH", query[at + 1:end])
        self.asked.add(name)
        if name in self.silent:
            return None
        address = self.addresses.get(name)
        found = address is not None and kind == TYPE_A
        head = query[:2] + struct.pack(">HHHHH", RESPONSE if address else NAME_ERROR, 1, int(found), 0, 0)
        record = struct.pack(">HHHIH", NAME_OF_QUESTION, TYPE_A, CLASS_IN, SECONDS_TO_LIVE, 4) + socket.inet_aton(address) if found else b""
        return head + query[HEADER:end] + record

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", (LOOPBACK, PORT))
        self.thread.join()
        self.socket.close()
