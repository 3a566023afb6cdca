"""Gateways as odd as they exist, scripted: what miniupnpd never does. They are threads of the test with sockets on the router,
so a test can look at what was asked (`requests`) and change a gateway's manners while it runs. What they grant, they forward
in earnest unless told not to.
"""
import contextlib
import http.server
import re
import select
import socket
import struct
import threading
import time

from natlab_upnp_text import CONTROL, TYPES, describe, fault, location_answer, reply
from natlab_wire import NAT_PMP_SUCCESS, PCP_ANNOUNCE, PCP_MAP, PORT, SSDP_GROUP, TCP, mapped

ANNOUNCEMENTS = ("224.0.0.1", 5350)
UNSUPPORTED_VERSION = 1
HTTP_PORT = 5000


class Gateway:
    """What they share: a table of mappings that the router's packet filter carries out."""

    def __init__(self, router, forwards=True, external=None, delay=0):
        self.router, self.forwards, self.delay = router, forwards, delay
        self.said_external = external
        self.requests = []
        self.table = {}  # external port: (host, internal port, lifetime, description)
        self.ending = threading.Event()
        self.threads = []

    @property
    def external(self):
        return self.said_external or self.router.address

    def grant(self, external, host, internal, lifetime, description=""):
        if self.forwards and self.table.get(external, ())[:2] != (host, internal):
            self.remove(external)
            self.router.forward(external, host, internal)
        self.table[external] = (host, internal, lifetime, description)

    def remove(self, external):
        if self.table.pop(external, None) and self.forwards:
            self.router.unforward(external)

    def forget(self):
        self.table.clear()
        self.router.flush_mappings()

    def serve(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self.threads.append(thread)

    def datagrams(self, sock, handle):
        """Calls handle(data, sender) until the gateway stops; whatever it returns is sent back."""
        with sock:
            while not self.ending.is_set():
                if not select.select([sock], [], [], 0.05)[0]:
                    continue
                data, sender = sock.recvfrom(2048)
                answer = handle(data, sender)
                if answer and not self.ending.wait(self.delay):
                    sock.sendto(answer, sender)

    def stop(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(2)
        self.threads = []


class ScriptedPcp(Gateway):
    """PCP and NAT-PMP. result: what every mapping request is answered with; longest: the lifetime it grants at most."""

    def __init__(self, router, pcp=True, nat_pmp=True, result=0, longest=7200, **kwargs):
        super().__init__(router, **kwargs)
        self.pcp, self.nat_pmp, self.result, self.longest = pcp, nat_pmp, result, longest
        self.begin = time.monotonic()

    @property
    def epoch(self):
        return int(time.monotonic() - self.begin)

    def start(self):
        self.sock = self.router.namespace.open_socket(socket.SOCK_DGRAM)
        self.sock.bind((self.router.lan, PORT))
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self.router.lan))
        self.ending.clear()
        self.serve(self.datagrams, self.sock, self.handle)

    def reset_epoch(self, announce=False):
        """Loses its mappings, and its clock says so; `announce` tells everybody at once."""
        self.forget()
        self.begin = time.monotonic()
        if announce:
            self.announce()

    def announce(self):
        """The NAT-PMP announcement of RFC 6886 §3.2.1 and, for PCP, that of RFC 6887 §14.1.3."""
        if self.nat_pmp:
            said = struct.pack(">BBHI", 0, 128, 0, self.epoch) + socket.inet_aton(self.external)
            self.sock.sendto(said, ANNOUNCEMENTS)
        if self.pcp:
            self.sock.sendto(struct.pack(">BBBBII12x", 2, 0x80 | PCP_ANNOUNCE, 0, 0, 0, self.epoch), ANNOUNCEMENTS)

    def handle(self, data, sender):
        if len(data) < 2:
            return None
        if data[0] == 2 and self.pcp and len(data) >= 24:
            return self.handle_pcp(data, sender[0])
        if data[0] == 0 and self.nat_pmp:
            return self.handle_nat_pmp(data, sender[0])
        # A device of one generation answers the other in its own words (RFC 6887 §9, appendix A).
        if data[0] == 2 and self.nat_pmp:
            return struct.pack(">BBHI", 0, 128 | data[1], UNSUPPORTED_VERSION, self.epoch)
        if data[0] == 0 and self.pcp:
            return struct.pack(">BBBBII12x", 2, 0x80 | data[1], 0, UNSUPPORTED_VERSION, 0, self.epoch)
        return None

    def handle_nat_pmp(self, data, host):
        if data[1] == 0:
            return struct.pack(">BBHI", 0, 128, NAT_PMP_SUCCESS, self.epoch) + socket.inet_aton(self.external)
        _, _, _, internal, external, lifetime = struct.unpack(">BBHHHI", data[:12])
        self.requests.append(("nat_pmp", internal, external, lifetime))
        granted = self.decide(host, internal, external, lifetime)
        return struct.pack(">BBHIHHI", 0, 128 | data[1], self.result, self.epoch, internal, external, granted)

    def handle_pcp(self, data, host):
        opcode, lifetime = data[1], struct.unpack_from(">I", data, 4)[0]
        head = struct.Struct(">BBBBII12x")
        if opcode != PCP_MAP or len(data) < 60:
            return head.pack(2, 0x80 | opcode, 0, 0, 0, self.epoch) + data[24:]
        internal, external = struct.unpack_from(">HH", data, 40)
        self.requests.append(("pcp", internal, external, lifetime))
        granted = self.decide(host, internal, external or internal, lifetime)
        return (head.pack(2, 0x80 | opcode, 0, self.result, granted, self.epoch) + data[24:36] +
                struct.pack(">B3xHH", TCP, internal, external or internal) + mapped(self.external))

    def decide(self, host, internal, external, lifetime):
        if self.result != 0:
            return 0
        if lifetime == 0:  # deletes whatever this host has there (RFC 6886 §3.4, RFC 6887 §15.1)
            for port, (owner, inside, *_) in list(self.table.items()):
                if (owner, inside) == (host, internal):
                    self.remove(port)
            return 0
        granted = min(lifetime, self.longest)
        self.grant(external, host, internal, granted)
        return granted


class ScriptedUpnp(Gateway):
    """UPnP. A manner is what `error`, `description` or `location` says instead of the usual:

    error        a function (action, arguments) -> UPnP error code or None
    description  a function (handler) that writes the body of the device description
    location     where the answer to a search points
    """

    def __init__(self, router, version=2, error=None, description=None, location=None, **kwargs):
        super().__init__(router, **kwargs)
        self.version, self.error, self.description = version, error or (lambda *_: None), description
        self.location = location or f"http://{router.lan}:{HTTP_PORT}/desc.xml"
        self.server = None

    def start(self):
        self.ending.clear()
        search = self.router.namespace.open_socket(socket.SOCK_DGRAM)
        search.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        search.bind(("", SSDP_GROUP[1]))
        group = socket.inet_aton(SSDP_GROUP[0]) + socket.inet_aton(self.router.lan)
        search.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        with self.router.namespace.inside():
            self.server = http.server.ThreadingHTTPServer((self.router.lan, HTTP_PORT), handler_for(self))
        self.server.daemon_threads = True
        self.serve(self.datagrams, search, self.handle_search)
        self.serve(self.server.serve_forever, 0.05)

    def stop(self):
        self.ending.set()
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
        super().stop()

    def handle_search(self, data, _sender):
        wanted = re.search(rb"(?im)^st:\s*(\S+)", data)
        if not data.startswith(b"M-SEARCH") or not wanted:
            return None
        target = wanted.group(1).decode("latin-1")
        offered = [kind for kind in TYPES[self.version] if target in (kind, "ssdp:all")]
        return location_answer(offered[0], self.location) if offered else None

    def call(self, action, arguments):
        """(HTTP status, body) of a SOAP call."""
        self.requests.append((action, arguments))
        error = self.error(action, arguments)
        if error is None:
            handle = getattr(self, "on_" + action, None)
            answer = handle(arguments) if handle else 401
            if isinstance(answer, dict):
                return 200, reply(action, answer, self.version)
            error = answer
        return 500, fault(error)

    def asked(self, action):
        return [arguments for name, arguments in self.requests if name == action]

    # Actions: a dictionary of what is answered, or an error code.

    def on_GetStatusInfo(self, _):
        return {"NewConnectionStatus": "Connected", "NewLastConnectionError": "ERROR_NONE", "NewUptime": 4711}

    def on_GetExternalIPAddress(self, _):
        return {"NewExternalIPAddress": self.external}

    def on_AddPortMapping(self, given):
        external, internal = int(given["NewExternalPort"]), int(given["NewInternalPort"])
        host = given["NewInternalClient"]
        if external in self.table and self.table[external][0] != host:
            return 718
        self.grant(external, host, internal, int(given["NewLeaseDuration"]), given.get("NewPortMappingDescription", ""))
        return {}

    def on_AddAnyPortMapping(self, given):
        if self.version == 1:
            return 401
        answer = self.on_AddPortMapping(given)
        return {"NewReservedPort": given["NewExternalPort"]} if answer == {} else answer

    def on_GetSpecificPortMappingEntry(self, given):
        entry = self.table.get(int(given["NewExternalPort"]))
        if entry is None:
            return 714
        host, internal, lifetime, description = entry
        return {"NewInternalPort": internal, "NewInternalClient": host, "NewEnabled": 1,
                "NewPortMappingDescription": description, "NewLeaseDuration": lifetime}

    def on_DeletePortMapping(self, given):
        external = int(given["NewExternalPort"])
        if external not in self.table:
            return 714
        self.remove(external)
        return {}


class Forgetful(ScriptedUpnp):
    """Keeps no descriptions."""

    def on_GetSpecificPortMappingEntry(self, given):
        answer = super().on_GetSpecificPortMappingEntry(given)
        return {**answer, "NewPortMappingDescription": ""} if isinstance(answer, dict) else answer


class Nowhere(ScriptedUpnp):
    """Does not tell its outside address, by error or by silence, until `told` is set."""

    def __init__(self, router, answer=501, **kwargs):
        super().__init__(router, **kwargs)
        self.answer, self.told = answer, False

    def on_GetExternalIPAddress(self, given):
        return super().on_GetExternalIPAddress(given) if self.told else self.answer


class Wilful(ScriptedUpnp):
    """Forwards another port than was asked for, and says so only in its table."""

    def on_AddPortMapping(self, given):
        return super().on_AddPortMapping({**given, "NewExternalPort": str(int(given["NewExternalPort"]) ^ 1)})

    def on_AddAnyPortMapping(self, _):
        return 401

    def on_GetGenericPortMappingEntry(self, given):
        ports = sorted(self.table)
        index = int(given["NewPortMappingIndex"])
        if index >= len(ports):
            return 713
        host, internal, lifetime, description = self.table[ports[index]]
        return {"NewRemoteHost": "", "NewExternalPort": ports[index], "NewProtocol": "TCP", "NewInternalPort": internal,
                "NewInternalClient": host, "NewEnabled": 1, "NewPortMappingDescription": description,
                "NewLeaseDuration": lifetime}


class Speechless(ScriptedUpnp):
    """Does what it is asked, and answers with an empty 200."""

    def call(self, action, arguments):
        status, body = super().call(action, arguments)
        return (200, "") if action.startswith("Add") and status == 200 else (status, body)


def handler_for(gateway):
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            if gateway.ending.wait(gateway.delay):
                return
            gateway.requests.append(("GET", self.path))
            if gateway.description:
                self.send_response(200)
                self.send_header("Content-Type", "text/xml")
                self.end_headers()
                with contextlib.suppress(OSError):  # the reader had enough
                    gateway.description(self, gateway)
                return
            self.answer(200, describe(gateway.version))

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("latin-1")
            if gateway.ending.wait(gateway.delay):
                return
            if self.path != CONTROL:
                self.send_error(404)
                return
            action = self.headers.get("SOAPAction", "").strip('"').rpartition("#")[2]
            arguments = dict(re.findall(r"<(New\w+)>([^<]*)</\1>", body))
            self.answer(*gateway.call(action, arguments))

        def answer(self, status, body):
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(data)))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the asker had no patience
                self.end_headers()
                self.wfile.write(data)

    return Handler


# Manners.


def only_permanent(action, given):
    return 725 if action.startswith("Add") and given.get("NewLeaseDuration") != "0" else None


def any_lease_refused(action, given):
    return 402 if action.startswith("Add") and given.get("NewLeaseDuration") != "0" else None


def always_conflict(action, _):
    return 718 if action.startswith("Add") else None


def broken_xml(handler, _):
    handler.wfile.write(b"<?xml version=\"1.0\"?><root><device><<<deviceType>urn:&&; <serviceList><service></device>\x00\xff")


def endless(handler, gateway):
    """As fast as it is read."""
    handler.wfile.write(b"<?xml version=\"1.0\"?><root>")
    while not gateway.ending.is_set():
        handler.wfile.write(b"<device><friendlyName>" + b"a" * 8192 + b"</friendlyName></device>")


def trickling(handler, gateway):
    """A byte now and then, for ever."""
    handler.wfile.write(b"<?xml version=\"1.0\"?><root>")
    while not gateway.ending.wait(0.1):
        handler.wfile.write(b"a")
        handler.wfile.flush()
