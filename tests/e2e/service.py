#!/usr/bin/env python3
"""A service behind an agent, as a process of its own. Prints one JSON line per thing that happens.

Kinds: commands  mutual TLS; the client's first line says what to do (see Commands)
       http      mutual TLS, answers GET with a page that says who asked
       banner    speaks first, as ssh and MySQL do
       raw       reads the first bytes and answers the bytes of --reply-hex
       silent    accepts and never says a word
       closes    reads the first bytes and closes
"""
import argparse
import hashlib
import json
import os
import socket
import ssl
import struct
import sys
import threading

CHUNK = 64 * 1024
PROXY_V2 = b"\r\n\r\n\x00\r\nQUIT\n"


def tell(event, **fields):
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def read_exactly(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError(f"{len(data)} of {size} bytes")
        data += piece
    return data


def read_line(sock, most=512):
    line = b""
    while not line.endswith(b"\n") and len(line) < most:
        piece = sock.recv(1)
        if not piece:
            break
        line += piece
    return line.decode("latin-1").strip()


def read_proxy_header(sock):
    """The PROXY header (v1 or v2) that must come first, as a dictionary."""
    head = read_exactly(sock, 6)
    if head == b"PROXY ":
        words = read_line(sock).split()
        return {"version": 1, "source": words[1], "port": int(words[3])}
    head += read_exactly(sock, 10)
    if head[:12] != PROXY_V2:
        raise EOFError("no PROXY header")
    family, size = head[13], struct.unpack(">H", head[14:16])[0]
    body = read_exactly(sock, size)
    width = {0x11: 4, 0x21: 16}[family]
    source = socket.inet_ntop(socket.AF_INET if width == 4 else socket.AF_INET6, body[:width])
    tlvs, rest = {}, body[2 * width + 4:]
    while len(rest) >= 3:
        kind, length = rest[0], struct.unpack(">H", rest[1:3])[0]
        tlvs[f"{kind:#04x}"] = rest[3:3 + length].hex()
        rest = rest[3 + length:]
    return {"version": 2, "source": source, "port": struct.unpack(">H", body[2 * width:2 * width + 2])[0], "tlvs": tlvs}


def was_reset(sock):
    """Whether the peer reset the connection: Python's ssl reports that as an ordinary end of stream."""
    tcp_close = 7  # TCP_INFO begins with the state; after a FIN it would be CLOSE_WAIT
    return sock.family != socket.AF_UNIX and sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == tcp_close


class Commands:
    """What a client may ask for in its first line. Each returns how many bytes it received."""

    def echo(self, tls):
        """Sends back what comes, until the client ends."""
        received = 0
        while piece := tls.recv(CHUNK):
            received += len(piece)
            tls.sendall(piece)
        return received

    def sum(self, tls):
        """Reads to the client's end of stream, then answers size and SHA-256: proves half-close."""
        digest, received = hashlib.sha256(), 0
        while piece := tls.recv(CHUNK):
            received += len(piece)
            digest.update(piece)
        tls.sendall(f"{received} {digest.hexdigest()}\n".encode())
        return received

    def who(self, tls):
        tls.sendall((json.dumps(self.about) + "\n").encode())
        return 0

    def reset(self, tls):
        """Answers one line and, once the client has read it and says so by a byte, resets the connection."""
        tls.sendall(b"bye\n")
        tls.recv(1)
        tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return 0

    def hold(self, tls):
        """Says it is there, then waits for the client's end."""
        tls.sendall(b"held\n")
        return len(tls.recv(1))

    def half(self, tls):
        """Ends its own side first, then counts what still comes: half-close the other way round."""
        tls.sendall(b"last words\n")
        with socket.socket(fileno=os.dup(tls.fileno())) as twin:
            twin.shutdown(socket.SHUT_WR)
        received = 0
        while piece := tls.recv(CHUNK):
            received += len(piece)
        return received

    def __init__(self, about):
        self.about = about


class Service:
    def __init__(self, options):
        self.options = options
        if options.cert:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(options.cert, options.key)
            self.tls.load_verify_locations(options.ca)
            self.tls.verify_mode = ssl.CERT_REQUIRED
            self.tls.options |= ssl.OP_IGNORE_UNEXPECTED_EOF  # half-close is tested at TCP level
            if options.alpn:
                self.tls.set_alpn_protocols(options.alpn.split(","))
            self.tls.sni_callback = self.on_sni
        self.names = {}

    def on_sni(self, tls, name, _context):
        self.names[tls.fileno()] = name

    def serve(self):
        listener = listen(self.options.listen, self.options.backlog)
        tell("listening", address=self.options.listen)
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=self.handle, args=[sock], daemon=True).start()

    def handle(self, sock):
        try:
            with sock:
                about = {}
                if self.options.proxy:
                    about["proxy"] = read_proxy_header(sock)
                getattr(self, "serve_" + self.options.kind)(sock, about)
        except (OSError, EOFError, ssl.SSLError) as problem:
            tell("closed", how=type(problem).__name__, detail=str(problem))

    def secure(self, sock, about):
        tls = self.tls.wrap_socket(sock, server_side=True)
        about["peer"] = [value for kind, value in tls.getpeercert().get("subjectAltName", ()) if kind == "URI"]
        about["sni"] = self.names.pop(tls.fileno(), None)
        about["alpn"] = tls.selected_alpn_protocol()
        tell("connection", **about)
        return tls

    def serve_commands(self, sock, about):
        tls = self.secure(sock, about)
        with tls:
            command = read_line(tls)
            received = getattr(Commands(about), command, lambda _: 0)(tls)
            tell("closed", how="reset" if was_reset(tls) else "end", command=command, received=received)

    def serve_http(self, sock, about):
        with self.secure(sock, about) as tls:
            while request := read_line(tls):
                while read_line(tls):
                    pass
                page = json.dumps({"request": request, **about}).encode() + b"\n"
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))
        tell("closed", how="end")

    def serve_banner(self, sock, about):
        tell("connection", **about)
        sock.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        sock.recv(CHUNK)
        tell("closed", how="end")

    def serve_raw(self, sock, about):
        first = sock.recv(CHUNK)
        tell("connection", first=first[:8].hex(), **about)
        sock.sendall(bytes.fromhex(self.options.reply_hex))
        sock.recv(CHUNK)
        tell("closed", how="end")

    def serve_closes(self, sock, about):
        sock.recv(CHUNK)

    def serve_silent(self, sock, about):
        tell("connection", **about)
        while sock.recv(CHUNK):
            pass
        tell("closed", how="end")


def listen(address, backlog):
    if address.startswith("unix:"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address.removeprefix("unix:"))
    else:
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
    listener.listen(backlog)
    return listener


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["commands", "http", "banner", "raw", "silent", "closes"])
    parser.add_argument("--listen", required=True)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--ca")
    parser.add_argument("--alpn", default="")
    parser.add_argument("--proxy", action="store_true")
    parser.add_argument("--reply-hex", default="")
    parser.add_argument("--backlog", type=int, default=1024)
    Service(parser.parse_args()).serve()


if __name__ == "__main__":
    main()
