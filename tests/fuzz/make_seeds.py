#!/usr/bin/env python3
"""Writes the seed inputs of the parsers into corpus/: captures from the TLS programs of this machine, on loopback
only, and messages made by hand for what those programs do not send. Run it again only to add seeds: captures hold
random numbers, so every run changes them."""

import pathlib
import socket
import struct
import subprocess
import tempfile

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
SNI = "web.home.mesh.example.com"
ISTIO = "outbound_.8080_.v1_.echo.default.svc.cluster.local"


def save(target, name, data):
    directory = CORPUS / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(data)


def read_records(connection, most=1):
    """Reads `most` TLS records, or what came before the peer closed."""
    data = b""
    connection.settimeout(5)
    while True:
        end, count = 0, 0
        while len(data) >= end + 5 and count < most:
            end += 5 + int.from_bytes(data[end + 3:end + 5], "big")
            count += 1
        if count == most and len(data) >= end:
            return data[:end]
        chunk = connection.recv(65536)
        if not chunk:
            return data
        data += chunk


def capture_client(name, command):
    """First record that `command` (PORT replaced) sends to a port of ours."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        port = str(listener.getsockname()[1])
        process = subprocess.Popen([word.replace("PORT", port) for word in command], stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        connection, _ = listener.accept()
        with connection:
            save("client_hello", name, read_records(connection))
        process.kill()
        process.wait()


def capture_server(name, hello, options, directory):
    """First record that openssl s_server answers to `hello`."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert",
                                f"{directory}/cert.pem", "-key", f"{directory}/key.pem", *options],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while b"ACCEPT" not in process.stdout.readline():
        pass
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(hello)
        save("server_hello", name, read_records(connection))
    process.kill()
    process.wait()


def vec(size, data):
    return len(data).to_bytes(size, "big") + data


def extension(kind, data):
    return struct.pack(">H", kind) + vec(2, data)


def server_name(name):
    return extension(0, vec(2, b"\0" + vec(2, name.encode())))


def alpn(*names):
    return extension(16, vec(2, b"".join(vec(1, name) for name in names)))


def hello_message(extensions, suites=b"\x13\x01\x13\x02\xc0\x2b\x00\x9e"):
    body = (b"\x03\x03" + bytes(range(32)) + vec(1, bytes(32)) + vec(2, suites) + vec(1, b"\0") +
            vec(2, b"".join(extensions)))
    return b"\x01" + vec(3, body)


def records(message, *cuts):
    edges = [0, *cuts, len(message)]
    return b"".join(b"\x16\x03\x01" + vec(2, message[a:b]) for a, b in zip(edges, edges[1:]))


def client_hellos():
    capture_client("openssl_tls13", ["openssl", "s_client", "-connect", "127.0.0.1:PORT", "-servername", SNI,
                                     "-alpn", "h2,http/1.1"])
    capture_client("openssl_tls12", ["openssl", "s_client", "-connect", "127.0.0.1:PORT", "-servername", SNI, "-tls1_2"])
    capture_client("openssl_istio", ["openssl", "s_client", "-connect", "127.0.0.1:PORT", "-servername", ISTIO,
                                     "-alpn", "istio-peer-exchange,istio"])
    capture_client("openssl_no_name", ["openssl", "s_client", "-connect", "127.0.0.1:PORT", "-noservername"])
    capture_client("curl", ["curl", "-sk", "--connect-to", f"{SNI}:443:127.0.0.1:PORT", f"https://{SNI}/"])

    # X25519MLKEM768 (0x11EC) carries 1216 bytes; the 0x?A?A values are GREASE (RFC 8701).
    grease = [extension(0x0A0A, b""), server_name(SNI), extension(10, vec(2, b"\x2a\x2a\x11\xec\x00\x1d")),
              extension(43, vec(1, b"\x3a\x3a\x03\x04\x03\x03")), alpn(b"\x4a\x4a", b"h2"),
              extension(51, vec(2, b"\x2a\x2a" + vec(2, b"\0") + b"\x11\xec" + vec(2, bytes(1216)) + b"\x00\x1d" +
                                vec(2, bytes(32)))),
              extension(0x5A5A, b"\0")]
    post_quantum = hello_message(grease, b"\x6a\x6a\x13\x01")
    save("client_hello", "post_quantum_grease", records(post_quantum))
    save("client_hello", "post_quantum_three_records", records(post_quantum, 3, 500))
    save("client_hello", "early_data", records(hello_message([server_name(SNI), extension(42, b"")])))
    save("client_hello", "two_names", records(hello_message([server_name("a.home"), server_name("b.home")])))
    save("client_hello", "too_long", b"\x16\x03\x01\x40\x00\x01\x01\x00\x00")
    for name in ("openssl_tls13", "early_data"):
        save("first_bytes", name, (CORPUS / "client_hello" / name).read_bytes())
    save("first_bytes", "ticket", b"\xf1FLD\x01rest")
    save("first_bytes", "verify", b"\xf1FLV\x01rest")
    save("first_bytes", "ssh", b"SSH-2.0-OpenSSH_9.2\r\n")


def server_hellos():
    def hello(name):
        return (CORPUS / "client_hello" / name).read_bytes()

    # A client that offers what nobody should: TLS 1.1 and below, NULL, anonymous.
    weak = b"\x00\x02\x00\x3b\x00\x34\xc0\x18\x00\x2f"
    groups = extension(10, vec(2, b"\x00\x17\x00\x1d"))
    signatures = extension(13, vec(2, b"\x04\x03\x04\x01\x08\x04\x02\x01\x02\x03"))
    message = hello_message([groups, signatures], weak)
    old = records(message[:4] + b"\x03\x02" + message[6:])
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=seed", "-days", "1",
                        "-keyout", f"{directory}/key.pem", "-out", f"{directory}/cert.pem"], check=True,
                       capture_output=True)
        capture_server("openssl_tls13", hello("openssl_tls13"), [], directory)
        capture_server("openssl_retry", hello("openssl_tls13"), ["-groups", "P-384"], directory)
        capture_server("openssl_tls12", hello("openssl_tls12"), [], directory)
        capture_server("openssl_tls11", old, ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], directory)
        capture_server("openssl_null", records(message), ["-tls1_2", "-cipher", "NULL:@SECLEVEL=0"], directory)
        capture_server("openssl_anonymous", records(message), ["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"], directory)
        capture_server("openssl_alert", hello("openssl_tls12"), ["-tls1_3"], directory)
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\xc0\x2f\0"
    tls12 = b"\x02" + vec(3, body)
    save("server_hello", "warning_then_hello", b"\x15\x03\x03\x00\x02\x01\x70\x16\x03\x03" + vec(2, tls12))
    save("server_hello", "two_records", b"\x16\x03\x03\x00\x02" + tls12[:2] + b"\x16\x03\x03" + vec(2, tls12[2:] + b"\x0b"))
    save("server_hello", "http", b"HTTP/1.1 400 Bad Request\r\n\r\n")


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def proxy_headers():
    save("proxy_protocol", "v1_tcp4", b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n\x16\x03\x01")
    save("proxy_protocol", "v1_tcp6", b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n")
    save("proxy_protocol", "v1_unknown", b"PROXY UNKNOWN ffff:f\r\n")
    signature = b"\r\n\r\n\0\r\nQUIT\n"
    save("proxy_protocol", "v2_local", signature + b"\x20\x00\x00\x00")
    addresses = bytes([192, 0, 2, 1, 198, 51, 100, 7]) + struct.pack(">HH", 56324, 443)
    tlvs = b"\x04" + vec(2, b"\0") + b"\x02" + vec(2, SNI.encode()) + b"\x05" + vec(2, bytes(16)) + b"\xea" + vec(2, b"x")
    header = signature + b"\x21\x11" + vec(2, addresses + tlvs + b"\x03\x00\x04" + bytes(4))
    save("proxy_protocol", "v2_tcp4_tlvs", header[:-4] + crc32c(header).to_bytes(4, "big"))
    save("proxy_protocol", "v2_tcp4_bad_crc", header)
    save("proxy_protocol", "v2_tcp6", signature + b"\x21\x21" + vec(2, bytes(15) + b"\1" + bytes(15) + b"\2" + b"\0\1\0\2"))
    save("proxy_protocol", "v2_unix", signature + b"\x21\x31" + vec(2, bytes(216)))


def texts():
    save("server_name", "istio", ISTIO.encode())
    save("server_name", "istio_no_subset", b"OUTBOUND_.80_._.echo.home.")
    save("server_name", "mesh", b"nas1.web.home\nhome")
    save("server_name", "mesh_domain", SNI.encode() + b"\nmesh.example.com")
    save("http_head", "request", b"GET /status/agents?agent=nas1&x=%2e%2E HTTP/1.1\r\nHost: localhost\r\n\r\n")
    save("http_head", "response", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    save("http_head", "chunked", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


def tunnels():
    greeting, name = b"\x05\x02\x00\x02", b"web.home"
    request = b"\x05\x01\x00\x03" + vec(1, name) + struct.pack(">H", 443)
    address = b"\x05\x01\x00\x01" + bytes([192, 0, 2, 1]) + struct.pack(">H", 80)
    save("socks5", "greeting", greeting)
    save("socks5", "name", request)
    save("socks5", "ipv4", address)
    save("socks5", "ipv6", b"\x05\x01\x00\x04" + bytes(15) + b"\x01\x00\x50")
    save("socks5", "bind", b"\x05\x02\x00\x01" + bytes(6))
    save("tunnel_opening", "socks", greeting + request + b"\x16\x03\x01")
    save("tunnel_opening", "socks_address", greeting + address)
    save("tunnel_opening", "socks_password", b"\x05\x01\x02")
    save("tunnel_opening", "connect", b"CONNECT web.home:443 HTTP/1.1\r\nHost: web.home:443\r\n\r\nhello")
    save("tunnel_opening", "connect_old", b"CONNECT web.home:443 HTTP/1.0\r\n\r\n")
    save("tunnel_opening", "get", b"GET http://web.home/ HTTP/1.1\r\nHost: web.home\r\n\r\n")


if __name__ == "__main__":
    client_hellos()
    server_hellos()
    proxy_headers()
    texts()
    tunnels()
