#!/usr/bin/env python3
"""The small mutual-TLS service of packaging/quickstart: answers every GET with a page that says who asked.

service.py PORT CERT KEY CA
"""
import http.server
import ssl
import sys

PAGE = """Hello from {host}, a service that no port is open for.
You are {who}; your certificate was checked here, not on the way.
The connection came from {peer}: the agent beside me.
This is {tls} with {cipher}, from you to me without a break.
"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        names = self.connection.getpeercert().get("subjectAltName", ())
        page = PAGE.format(host=self.headers.get("Host", "").split(":")[0],
                           who=next((value for kind, value in names if kind == "URI"), "somebody"),
                           peer="%s:%d" % self.client_address, tls=self.connection.version(),
                           cipher=self.connection.cipher()[0]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


class Server(http.server.ThreadingHTTPServer):
    """The handshake is done in the connection's own thread: a silent caller must not stop the others."""

    def __init__(self, port, context):
        super().__init__(("127.0.0.1", port), Page)
        self.context = context

    def finish_request(self, request, client_address):
        request.settimeout(20)
        with self.context.wrap_socket(request, server_side=True) as tls:
            super().finish_request(tls, client_address)

    def handle_error(self, request, client_address):
        print(f"{client_address[0]}:{client_address[1]}: {sys.exc_info()[1]}", file=sys.stderr)


def main():
    port, cert, key, ca = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    Server(int(port), context).serve_forever()


main()
