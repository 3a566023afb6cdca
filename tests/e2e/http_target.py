"""A plain HTTP/1.1 service for tests: it keeps every request that it hears, and does what the path says."""
import base64
import hashlib
import http.server
import json
import socketserver
import threading

from harness import LOOPBACK

PAGE = b"".join(b"line %06d of a page of a server that speaks no TLS\n" % number for number in range(6000))
BIG = 1536 * 1024  # more than all buffers on its way
WEBSOCKET_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self):
        self.server.target.requests.append((self.command, self.path, self.headers.items()))

    def answer(self, body, status=200, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        self.note()
        if self.path == "/headers":
            return self.answer(json.dumps(self.headers.items()).encode(), Content_Type="application/json")
        if self.path == "/ws":
            return self.switch()
        if self.path == "/cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
            return self.end()
        if self.path == "/big":
            return self.answer(bytes(BIG))
        if self.path == "/odd":
            self.wfile.write(b"HTTP/1.0 200\nServer: camera\nContent-Length: 11\nContent-Length: 11\n\nan odd page")
            return self.end()
        if self.path == "/silent":
            return self.end()
        if self.path == "/garbage":
            self.wfile.write(b"* OK this is a mail server\r\n")
            return self.end()
        return self.answer(PAGE)

    do_HEAD = do_GET

    def end(self):
        self.close_connection = True

    def do_POST(self):
        """Says each piece back as it comes: chunks both ways at once, or a sum where the body has a length."""
        self.note()
        if self.path == "/later":
            self.server.target.reads.wait()
        if "Content-Length" in self.headers:
            left, digest = int(self.headers["Content-Length"]), hashlib.sha256()
            while left:
                piece = self.rfile.read(min(left, 65536))
                left -= len(piece)
                digest.update(piece)
            return self.answer(digest.hexdigest().encode())
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while size := int(self.rfile.readline(), 16):
            piece = self.rfile.read(size)
            self.rfile.readline()
            self.wfile.write(b"%x\r\n%s\r\n" % (size, piece))
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"0\r\n\r\n")

    def switch(self):
        key = self.headers["Sec-WebSocket-Key"].encode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key + WEBSOCKET_KEY).digest()).decode())
        self.end_headers()
        while piece := self.rfile.read1(65536):
            self.wfile.write(piece)
        self.end()


class Counting:
    daemon_threads = True

    def process_request(self, *words):
        self.target.calls += 1
        super().process_request(*words)

    def handle_error(self, *_):
        pass  # connections are cut here on purpose


class TcpServer(Counting, http.server.ThreadingHTTPServer):
    pass


class UnixServer(Counting, socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    pass


class HttpTarget:
    """On a port of loopback, or at a path."""

    def __init__(self, path=None):
        self.requests = []
        self.calls = 0
        self.reads = threading.Event()  # what is sent to /later
        self.server = UnixServer(str(path), Handler) if path else TcpServer((LOOPBACK, 0), Handler)
        self.server.target = self
        self.address = f"unix:{path}" if path else f"{LOOPBACK}:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def heard(self, path):
        return [request for request in self.requests if request[1] == path]

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
