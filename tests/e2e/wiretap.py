"""Somebody on the path between an agent's data channels and the rendezvous: reads, flips, replays and swaps bytes."""
import socket
import struct
import threading

from control import exactly
from harness import LOOPBACK

TICKET_SIZE = 4 + 1 + 16 + 8 + 32


class Tap:
    """One data channel as it passes by. Subclass or replace the three hooks; what they return is sent on."""

    def on_ticket(self, ticket):
        return ticket

    def on_header(self, header, hello):
        return header + hello

    def on_answer(self, answer):
        return answer


class Wiretap:
    """A TCP proxy in front of a rendezvous for data channels; each passes a Tap made by make_tap()."""

    def __init__(self, target_port, make_tap=Tap):
        self.target_port, self.make_tap = target_port, make_tap
        self.listener = socket.create_server((LOOPBACK, 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                agent, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=[agent], daemon=True).start()

    def carry(self, agent):
        tap = self.make_tap()
        server = socket.create_connection((LOOPBACK, self.target_port))
        self.sockets += [agent, server]
        threading.Thread(target=self.quietly, args=[self.towards_agent, tap, agent, server], daemon=True).start()
        self.quietly(self.towards_server, tap, agent, server)

    def quietly(self, work, tap, agent, server):
        """Runs one direction; whatever ends it ends the other side's stream, too."""
        sink = server if work == self.towards_server else agent
        try:
            work(tap, agent, server)
            sink.shutdown(socket.SHUT_WR)
        except (OSError, EOFError, struct.error):
            close_hard(agent)
            close_hard(server)

    def towards_server(self, tap, agent, server):
        server.sendall(tap.on_ticket(exactly(agent, TICKET_SIZE)))
        server.sendall(tap.on_answer(read_frame(agent)))
        copy(agent, server)

    def towards_agent(self, tap, agent, server):
        header = read_frame(server)
        hello_length = struct.unpack(">I", header[-32 - 32 - 4:-32 - 32])[0]
        agent.sendall(tap.on_header(header, exactly(server, hello_length)))
        copy(server, agent)

    def close(self):
        self.listener.close()
        for sock in self.sockets:
            close_hard(sock)


def read_frame(sock):
    """A header or an answer: version, length, fields, MAC."""
    head = exactly(sock, 3)
    return head + exactly(sock, struct.unpack(">H", head[1:])[0])


def copy(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)


def close_hard(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def flip(data, index, mask=0x01):
    changed = bytearray(data)
    changed[index] ^= mask
    return bytes(changed)
