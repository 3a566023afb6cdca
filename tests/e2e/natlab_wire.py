"""A few bytes of NAT-PMP (RFC 6886), PCP (RFC 6887), SSDP and SOAP by hand: what proves that a laboratory does what it says.

Independent of the product and of its libraries. Every function takes the namespace to ask from and answers None for silence.
"""
import ipaddress
import re
import select
import socket
import struct
import urllib.parse

PORT = 5351
IP_RECVERR = 11
TCP = 6
PATIENCE = 2  # for an answer that will come
SILENCE = 0.2  # for one that will not: half of it is ample, nobody here is further than a millisecond
SSDP_GROUP = ("239.255.255.250", 1900)

NAT_PMP_SUCCESS, NAT_PMP_NETWORK_FAILURE = 0, 3
PCP_MAP, PCP_ANNOUNCE = 1, 0
PCP_SUCCESS, PCP_NOT_AUTHORIZED, PCP_NETWORK_FAILURE = 0, 2, 7
PCP_NO_RESOURCES, PCP_CANNOT_PROVIDE_EXTERNAL, PCP_ADDRESS_MISMATCH = 8, 11, 12

SERVICE_1 = "urn:schemas-upnp-org:service:WANIPConnection:1"
SERVICE_2 = "urn:schemas-upnp-org:service:WANIPConnection:2"


def exchange(namespace, gateway, request, source=None, patience=PATIENCE, scope=0):
    """One datagram there, one back."""
    family = socket.AF_INET6 if ":" in gateway else socket.AF_INET
    with namespace.open_socket(socket.SOCK_DGRAM, family) as sock:
        sock.settimeout(patience)
        if source:
            sock.bind((source, 0))
        sock.connect((gateway, PORT, 0, scope) if family == socket.AF_INET6 else (gateway, PORT))
        try:
            sock.send(request)
            return sock.recv(1100)
        except OSError:
            return None


class NatPmpAnswer:
    def __init__(self, data):
        self.version, self.opcode, self.result, self.epoch = struct.unpack_from(">BBHI", data)
        self.external = self.port = self.lifetime = None
        if self.opcode == 128 and len(data) >= 12:
            self.external = str(ipaddress.IPv4Address(data[8:12]))
        elif self.opcode == 130 and len(data) >= 16:
            self.internal, self.port, self.lifetime = struct.unpack_from(">HHI", data, 8)


def nat_pmp_external(namespace, gateway, patience=PATIENCE):
    answer = exchange(namespace, gateway, b"\x00\x00", patience=patience)
    return NatPmpAnswer(answer) if answer else None


def nat_pmp_map(namespace, gateway, internal, external=0, lifetime=3600, source=None):
    answer = exchange(namespace, gateway, struct.pack(">BBHHHI", 0, 2, 0, internal, external, lifetime), source)
    return NatPmpAnswer(answer) if answer else None


class PcpAnswer:
    def __init__(self, data):
        self.version, self.opcode, _, self.result, self.lifetime, self.epoch = struct.unpack_from(">BBBBII", data)
        self.external = self.port = None
        if self.opcode == 0x80 | PCP_MAP and len(data) >= 60:
            self.nonce = data[24:36]
            self.internal, self.port = struct.unpack_from(">HH", data, 40)
            address = ipaddress.IPv6Address(data[44:60])
            self.external = str(address.ipv4_mapped or address)


def mapped(address):
    """16 bytes of either family (RFC 6887 §5)."""
    parsed = ipaddress.ip_address(address)
    return parsed.packed if parsed.version == 6 else b"\x00" * 10 + b"\xff\xff" + parsed.packed


def pcp_map(namespace, gateway, source, internal, external=0, lifetime=3600, nonce=b"laboratory..", scope=0):
    wish = mapped("::" if ":" in source else "0.0.0.0")
    request = struct.pack(">BBHI", 2, PCP_MAP, 0, lifetime) + mapped(source)
    request += nonce + struct.pack(">B3xHH", TCP, internal, external) + wish
    answer = exchange(namespace, gateway, request, source, scope=scope)
    return PcpAnswer(answer) if answer else None


def pcp_announce(namespace, gateway, source, patience=PATIENCE):
    answer = exchange(namespace, gateway, struct.pack(">BBHI", 2, PCP_ANNOUNCE, 0, 0) + mapped(source), source, patience)
    return PcpAnswer(answer) if answer else None


def router_at(namespace, target, distance):
    """Who says that a datagram with this time to live has lived long enough (IP_RECVERR, ip(7))."""
    with namespace.open_socket(socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, distance)
        sock.sendto(b"", (target, 33434))
        poll = select.poll()
        poll.register(sock, 0)  # errors are always told
        if not poll.poll(PATIENCE * 1000):
            return None
        _, ancillary, _, _ = sock.recvmsg(64, 512, socket.MSG_ERRQUEUE)
    (error,) = [data for level, kind, data in ancillary if (level, kind) == (socket.IPPROTO_IP, IP_RECVERR)]
    return socket.inet_ntoa(error[20:24])  # struct sock_extended_err, then the offender's sockaddr_in


# UPnP.


def ssdp_search(namespace, gateway=None, target="upnp:rootdevice", patience=PATIENCE):
    """The LOCATION of whoever answers first; unicast if a gateway is named."""
    query = ("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n"
             f"ST: {target}\r\n\r\n").encode()
    with namespace.open_socket(socket.SOCK_DGRAM) as sock:
        sock.settimeout(patience)
        try:
            sock.sendto(query, (gateway, 1900) if gateway else SSDP_GROUP)
            answer = sock.recv(4096).decode("latin-1")
        except OSError:
            return None
    found = re.search(r"(?im)^location:\s*(\S+)", answer)
    return found.group(1) if found else None


def http(namespace, url, body=None, headers=(), patience=2):
    """(status, text) of a GET, or of a POST if there is a body."""
    parts = urllib.parse.urlsplit(url)
    request = f"{'POST' if body is not None else 'GET'} {parts.path or '/'} HTTP/1.0\r\nHost: {parts.netloc}\r\n"
    request += "".join(f"{name}: {value}\r\n" for name, value in headers)
    request += f"Content-Length: {len(body or '')}\r\n\r\n{body or ''}"
    with namespace.connect((parts.hostname, parts.port or 80), patience) as sock:
        sock.sendall(request.encode())
        data = b""
        while piece := sock.recv(65536):
            data += piece
    head, _, text = data.decode("latin-1").partition("\r\n\r\n")
    return int(head.split()[1]), text


class Igd:
    """An internet gateway device, found by its description's address."""

    def __init__(self, namespace, location):
        self.namespace, self.location = namespace, location
        _, self.description = http(namespace, location)
        self.service = SERVICE_2 if SERVICE_2 in self.description else SERVICE_1
        after = self.description.split(self.service, 1)[1]
        self.control = urllib.parse.urljoin(location, re.search(r"<controlURL>([^<]*)<", after).group(1))

    @property
    def version(self):
        return int(re.search(r"InternetGatewayDevice:(\d)", self.description).group(1))

    def call(self, action, **arguments):
        """The answer's fields; of a fault {"error": code}."""
        words = "".join(f"<{name}>{value}</{name}>" for name, value in arguments.items())
        body = ('<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
                's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
                f'<u:{action} xmlns:u="{self.service}">{words}</u:{action}></s:Body></s:Envelope>')
        headers = [("SOAPAction", f'"{self.service}#{action}"'), ("Content-Type", "text/xml")]
        _, text = http(self.namespace, self.control, body, headers)
        fault = re.search(r"<errorCode>(\d+)<", text)
        if fault:
            return {"error": int(fault.group(1))}
        return dict(re.findall(r"<(New\w+)>([^<]*)</\1>", text))

    def external_address(self):
        return self.call("GetExternalIPAddress")

    def add(self, external, host, internal, lifetime=3600, action="AddPortMapping", description="laboratory"):
        return self.call(action, NewRemoteHost="", NewExternalPort=external, NewProtocol="TCP", NewInternalPort=internal,
                         NewInternalClient=host, NewEnabled=1, NewPortMappingDescription=description, NewLeaseDuration=lifetime)

    def delete(self, external):
        return self.call("DeletePortMapping", NewRemoteHost="", NewExternalPort=external, NewProtocol="TCP")


def find_igd(namespace, patience=PATIENCE):
    location = ssdp_search(namespace, patience=patience)
    return Igd(namespace, location) if location else None
