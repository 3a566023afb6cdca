"""Mesh clients: a TLS connection by name through the rendezvous, and raw ClientHellos for what no TLS library would send."""
import concurrent.futures
import json
import os
import select
import socket
import ssl
import struct
import time

from harness import LOOPBACK

TIMEOUT = 20
CHUNK = 64 * 1024
ALERT_INTERNAL_ERROR = 80
ALERT_UNRECOGNIZED_NAME = 112
ISTIO_ALPNS = ["istio-peer-exchange", "istio", "istio-http/1.0", "istio-http/1.1", "istio-h2"]


class Caller:
    """Somebody with a certificate of the mesh, or without one, who opens connections by name."""

    def __init__(self, mesh, path="client/alice", prefix=None, port=None, host=LOOPBACK):
        self.host, self.port = host, port or mesh.rendezvous_port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False  # identities are SPIFFE ids; the chain is verified
        self.context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF  # half-close is tested at TCP level
        self.context.load_verify_locations(mesh.ca)
        if path or prefix:
            prefix = prefix or mesh.issue(path)
            self.context.load_cert_chain(f"{prefix}.crt", f"{prefix}.key")

    def dial(self, source=None, timeout=TIMEOUT):
        return socket.create_connection((self.host, self.port), timeout, source_address=(source, 0) if source else None)

    def connect(self, name, alpn=(), source=None, timeout=TIMEOUT, before=b""):
        """A finished handshake with whoever stands behind the name; `before` goes ahead of the ClientHello."""
        if alpn:
            self.context.set_alpn_protocols(list(alpn))
        sock = self.dial(source, timeout)
        try:
            if before:
                sock.sendall(before)
            return self.context.wrap_socket(sock, server_hostname=name)
        except BaseException:
            sock.close()
            raise

    def echo(self, name, data=b"hello over the relay", **kwargs):
        """Sends data, reads the same bytes back and ends in order."""
        with self.connect(name, **kwargs) as tls:
            tls.sendall(b"echo\n" + data)
            return read_exactly(tls, len(data))

    def who(self, name, **kwargs):
        """What the service behind the name knows of this caller."""
        with self.connect(name, **kwargs) as tls:
            tls.sendall(b"who\n")
            return json.loads(read_line(tls))

    def alert_for(self, hello, source=None, timeout=TIMEOUT):
        """The description of the alert that answers these first bytes; None if the connection ends without one."""
        with self.dial(source, timeout) as sock:
            sock.sendall(hello)
            return read_alert(sock)

    def is_answered_after_ending(self, hello):
        """Whether a client that ends its stream right behind its hello gets a ServerHello."""
        with self.dial() as sock:
            sock.sendall(hello)
            sock.shutdown(socket.SHUT_WR)
            answer = read_exactly(sock, 6)
            return answer[0] == 22 and answer[5] == 2

    def alerts_for(self, hellos, source=None):
        """The same for many at once."""
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            return list(pool.map(lambda hello: self.alert_for(hello, source), hellos))


def client_hello(name, alpn=(), context=None):
    """A genuine ClientHello of the local OpenSSL, as the bytes it would send."""
    context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if alpn:
        context.set_alpn_protocols(list(alpn))
    out = ssl.MemoryBIO()
    engine = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        engine.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def split_into_records(hello, size):
    """The same ClientHello, its handshake message cut over several TLS records (RFC 8446 §5.1)."""
    version, message = hello[1:3], hello[5:]
    pieces = [message[i:i + size] for i in range(0, len(message), size)]
    return b"".join(b"\x16" + version + struct.pack(">H", len(piece)) + piece for piece in pieces)


def read_alert(sock):
    """Reads to the end; the description of a last alert record, or None."""
    data = read_all(sock)
    if len(data) >= 7 and data[0] == 21:
        return data[6]
    return None


def read_all(sock):
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def read_exactly(sock, size):
    parts, left = [], size
    while left:
        piece = sock.recv(min(left, 1 << 20))
        if not piece:
            raise EOFError(f"{size - left} of {size} bytes")
        parts.append(piece)
        left -= len(piece)
    return b"".join(parts)


def read_line(sock):
    line = b""
    while not line.endswith(b"\n"):
        piece = sock.recv(1)
        if not piece:
            raise EOFError(line)
        line += piece
    return line.decode()


def exchange(tls, data, size, timeout=60):
    """Sends data and ends the stream while reading size bytes, all in one thread: an SSL object takes no two at once."""
    tls.setblocking(False)
    deadline = time.monotonic() + timeout
    view, parts, left = memoryview(data), [], size
    while left:
        try:
            while view:
                view = view[tls.send(view[:CHUNK]):]
                if not view:
                    end_sending(tls)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        try:
            while left:
                piece = tls.recv(min(left, CHUNK))
                if not piece:
                    raise EOFError(f"{size - left} of {size} bytes")
                parts.append(piece)
                left -= len(piece)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            patience = max(0, deadline - time.monotonic())
            if not any(select.select([tls], [tls] if view else [], [], patience)):
                raise TimeoutError(f"{size - left} of {size} bytes") from None
    tls.settimeout(timeout)
    return b"".join(parts)


def end_sending(tls):
    """Ends this side's stream at TCP level and keeps reading, which SSLSocket.shutdown cannot do."""
    with socket.socket(fileno=os.dup(tls.fileno())) as twin:
        twin.shutdown(socket.SHUT_WR)


def was_reset(sock):
    """Reads to the end of the stream; whether that was a reset. Python's ssl reports one as an ordinary end."""
    read_all(sock)
    tcp_close = 7  # TCP_INFO begins with the state; after a FIN it would be CLOSE_WAIT
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == tcp_close


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def proxy_v1(source, port=4711, family="TCP4", destination="192.0.2.1"):
    return f"PROXY {family} {source} {destination} {port} 443\r\n".encode()


def proxy_v2(source, port=4711, command=0x21):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    address = socket.inet_pton(family, source)
    body = address + bytes(len(address)) + struct.pack(">HH", port, 443)
    kind = 0x21 if family == socket.AF_INET6 else 0x11
    return b"\r\n\r\n\x00\r\nQUIT\n" + bytes([command, kind]) + struct.pack(">H", len(body)) + body
