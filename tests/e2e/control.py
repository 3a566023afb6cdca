"""The fairlead protocol in Python, for peers that lie: an agent that asks for what it may not have, a server that asks for
too much. Written from common/wire/control_message.h and data_channel.h, independently of their code."""
import contextlib
import hashlib
import hmac
import ipaddress
import os
import socket
import ssl
import struct

from harness import LOOPBACK

ALPN = "fairlead/1"
CRITICAL = 0x8000
HELLO, WELCOME, REGISTER, REGISTERED, REFUSED, UNREGISTER, OPEN_CHANNELS, POOL_SIZE, PING, PONG, DRAIN = range(1, 12)
RENEW, RENEWED = 28, 29
TICKET_MAGIC = b"\xf1FLD"
VERSION = 1
MAC = 32


class Fields:
    """Reads the fields of one payload in order."""

    def __init__(self, data):
        self.data = data

    def octets(self, size):
        if len(self.data) < size:
            raise ValueError("a field is cut off")
        value, self.data = self.data[:size], self.data[size:]
        return value

    def number(self, size):
        return int.from_bytes(self.octets(size), "big")

    def text(self):
        return self.octets(self.number(1)).decode()

    def address(self):
        ip = ipaddress.ip_address(self.octets({4: 4, 6: 16}[self.number(1)]))
        return f"{ip}:{self.number(2)}" if ip.version == 4 else f"[{ip}]:{self.number(2)}"

    def list(self, read):
        return [read() for _ in range(self.number(1))]


def text(value):
    return bytes([len(value)]) + value.encode()


def texts(values):
    return bytes([len(values)]) + b"".join(text(value) for value in values)


def address(host, port):
    packed = ipaddress.ip_address(host).packed
    return bytes([4 if len(packed) == 4 else 6]) + packed + struct.pack(">H", port)


class ControlConnection:
    """Control messages over one TLS connection, from either end."""

    def __init__(self, tls):
        self.tls, self.buffer = tls, b""

    def send(self, kind, payload=b"", critical=CRITICAL):
        self.tls.sendall(struct.pack(">HI", kind | critical, len(payload)) + payload)

    def receive(self):
        """The next message that is no ping, as (type, Fields); answers pings. EOFError at the end."""
        while True:
            head = self.exactly(6)
            kind, size = struct.unpack(">HI", head)
            body = self.exactly(size)
            if kind & ~CRITICAL == PING:
                self.send(PONG, body)
            else:
                return kind & ~CRITICAL, Fields(body)

    def exactly(self, size):
        while len(self.buffer) < size:
            piece = self.tls.recv(65536)
            if not piece:
                raise EOFError("the control connection ended")
            self.buffer += piece
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def receive_until(self, *kinds):
        while True:
            kind, fields = self.receive()
            if kind in kinds:
                return kind, fields

    def close(self):
        with contextlib.suppress(OSError):
            self.tls.close()


class ChannelKeys:
    """Tickets, headers and answers of one session (core/channel_keys.h)."""

    def __init__(self, key, session):
        self.session = session
        self.ticket_key, self.header_key, self.answer_key = (
            hkdf(key, session, f"fairlead/1 {name}".encode()) for name in ("ticket", "header", "answer"))

    def ticket(self, counter):
        body = TICKET_MAGIC + bytes([VERSION]) + self.session + struct.pack(">Q", counter)
        return body + mac(self.ticket_key, body)

    def header(self, counter, hello, service="web.home", sni="web.home"):
        fields = (self.session + struct.pack(">Q", counter) + os.urandom(32) + address("192.0.2.1", 4711) + text(service) +
                  text(sni) + struct.pack(">I", len(hello)) + hashlib.sha256(hello).digest())
        body = bytes([VERSION]) + struct.pack(">H", len(fields) + MAC) + fields
        return body + mac(self.header_key, body)

    def answer(self, header_mac, verdict=0, code=""):
        fields = bytes([verdict]) + text(code)
        body = bytes([VERSION]) + struct.pack(">H", len(fields) + MAC) + fields
        return body + mac(self.answer_key, body + header_mac)


def mac(key, data):
    return hmac.digest(key, data, "sha256")


def hkdf(secret, salt, info):
    """One block of RFC 5869: 32 bytes."""
    return mac(mac(salt, secret), info + b"\x01")


class Refusal(Exception):
    """The peer said no; .code is its reason."""

    def __init__(self, fields):
        self.claim, self.code, self.retry_after, self.detail = fields.number(4), fields.text(), fields.number(4), fields.text()
        super().__init__(f"{self.code}: {self.detail}")


class FakeAgent:
    """An agent of our own making. Its data channels are opened only when a test says so."""

    def __init__(self, mesh, prefix, port=None):
        self.port = port or mesh.rendezvous_port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2  # resumption in Python needs the older tickets
        self.context.check_hostname = False
        self.context.load_verify_locations(mesh.ca)
        self.context.set_alpn_protocols([ALPN])
        if prefix:
            self.context.load_cert_chain(f"{prefix}.crt", f"{prefix}.key")
        self.control = None

    def connect(self, session=None):
        sock = socket.create_connection((LOOPBACK, self.port), 15)
        tls = self.context.wrap_socket(sock, server_hostname=None, session=session)
        self.control = ControlConnection(tls)
        return self

    def hello(self, endpoint, cluster="home", boot_id=None, counter=1, version=VERSION, pool=(1, 32)):
        """Says hello; returns self once welcomed, raises Refusal."""
        self.boot_id = boot_id or os.urandom(16)
        self.control.send(HELLO, struct.pack(">HQ", version, 0) + text("test") + text(endpoint) + text(cluster) + self.boot_id +
                          struct.pack(">QHH", counter, *pool))
        kind, fields = self.control.receive_until(WELCOME, REFUSED)
        if kind == REFUSED:
            raise Refusal(fields)
        self.read_welcome(fields)
        return self

    def read_welcome(self, fields):
        fields.octets(2 + 8)
        self.instance = fields.octets(16)
        self.session = fields.octets(16)
        self.keys = ChannelKeys(fields.octets(32), self.session)
        self.data_addresses = fields.list(fields.address)
        self.address_seen = fields.address()

    def register(self, service, claim=1, host="", port=0, sni=(), subsets=()):
        """Returns the registered name; raises Refusal."""
        self.control.send(REGISTER, struct.pack(">I", claim) + text(service) + text(host) + struct.pack(">H", port) + texts(sni) +
                          texts(subsets))
        kind, fields = self.control.receive_until(REGISTERED, REFUSED)
        if kind == REFUSED:
            raise Refusal(fields)
        assert fields.number(4) == claim
        return fields.text()

    def channel(self, counter, ticket=None):
        """Opens a data channel: sends a ticket, the genuine one of this counter unless another is given."""
        sock = socket.create_connection((LOOPBACK, self.port), 15)
        sock.sendall(self.keys.ticket(counter) if ticket is None else ticket)
        return sock

    def close(self):
        if self.control:
            self.control.close()


def read_header(sock):
    """A header and its ClientHello from a data channel: (raw header, its MAC, hello)."""
    head = exactly(sock, 3)
    body = exactly(sock, struct.unpack(">H", head[1:])[0])
    fields = Fields(body[16 + 8 + 32:-MAC])
    fields.address()
    fields.text()
    fields.text()
    return head + body, body[-MAC:], exactly(sock, fields.number(4))


def exactly(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError(f"{len(data)} of {size} bytes")
        data += piece
    return data


class FakeServer:
    """A rendezvous of our own making, for one agent: answers its hello, then does what the test says."""

    def __init__(self, mesh, prefix):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.context.load_cert_chain(f"{prefix}.crt", f"{prefix}.key")
        self.context.load_verify_locations(mesh.ca)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.set_alpn_protocols([ALPN])
        self.listener = socket.create_server((LOOPBACK, 0))
        self.listener.settimeout(15)
        self.port = self.listener.getsockname()[1]

    def accept(self, data_port=None):
        """Welcomes the next agent and confirms its first service."""
        sock, _ = self.listener.accept()
        sock.settimeout(15)
        self.control = ControlConnection(self.context.wrap_socket(sock, server_side=True))
        self.control.receive_until(HELLO)
        self.session, key = os.urandom(16), os.urandom(32)
        self.keys = ChannelKeys(key, self.session)
        addresses = b"\x01" + address(LOOPBACK, data_port) if data_port else b"\x00"
        self.control.send(WELCOME, struct.pack(">HQ", VERSION, 0) + os.urandom(16) + self.session + key + addresses +
                          address(LOOPBACK, 1) + struct.pack(">qIIH", 1_800_000_000, 25_000, 2_000, 64) + text("mesh.test"))
        _, fields = self.control.receive_until(REGISTER)
        claim, service = fields.number(4), fields.text()
        self.control.send(REGISTERED, struct.pack(">I", claim) + text(f"{service}.home") + texts([f"{LOOPBACK}:{self.port}"]) +
                          texts(["0.0.0.0/0"]) + struct.pack(">H", 1))
        return self

    def close(self):
        self.listener.close()
        self.control.close()
