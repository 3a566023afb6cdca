"""The product in the NAT laboratory: a rendezvous on the internet, an agent and its service at home, clients outside."""
import contextlib
import os
import pathlib
import threading
import time

from client import Caller
from harness import Mesh, MeshTest, run_program, wait_until
from natlab import RV, RV6, RV_SECOND, NatLab

RV_PORT = 15443
DIRECT_WITHIN = 15  # discovery, mapping, proof and dial-back
PROBE_WITHIN = 10
CONNECT_TIMEOUT = 1.5  # a client's, per endpoint


class NatMesh(Mesh):
    rendezvous_ips = [RV, RV_SECOND, RV6]


class LabCaller(Caller):
    """A client on one of the laboratory's hosts."""

    def __init__(self, mesh, netns, host=RV, port=RV_PORT, **kwargs):
        super().__init__(mesh, host=host, port=port, **kwargs)
        self.netns = netns

    def dial(self, source=None, timeout=20):
        return self.netns.connect((self.host, self.port), timeout, source)


def endpoint(text):
    """("25.1.0.2", 4000) of "25.1.0.2:4000", and the same for "[2a01::1]:4000"."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


class NatTest(MeshTest):
    """A test in a topology: class attributes say which."""

    TOPOLOGY, OPTIONS = None, {}

    def setUp(self):
        self.lab = NatLab(self.TOPOLOGY, **self.OPTIONS)
        self.addCleanup(lambda: self.lab.close(failed=self.has_failed()))
        self.mesh = NatMesh()
        self.addCleanup(lambda: self.mesh.close(failed=self.has_failed()))

    # The cast.

    def start_cast(self, policy=None, **agent_options):
        self.start_rendezvous(policy)
        self.start_service()
        self.start_agent(**agent_options)

    def start_rendezvous(self, policy=None):
        addresses = [f"{RV}:{RV_PORT}", f"[{RV6}]:{RV_PORT}"]
        tables = {"server": {"listen": [*addresses, f"{RV_SECOND}:{RV_PORT}"], "public_addresses": addresses},
                  "limits": {"verify_probe": "2s"}}
        if policy:
            tables["policy"] = [policy]
        self.rendezvous = self.mesh.start_rendezvous(port=RV_PORT, tables=tables, netns=self.lab.rv)

    def start_service(self):
        self.service = self.mesh.start_service(listen="127.0.0.1:8443", netns=self.lab.home)

    def start_agent(self, mapping="auto", rendezvous=(f"{RV}:{RV_PORT}",), ready=True, tables=None):
        config = self.agent_config(mapping, rendezvous, tables)
        self.agent = self.mesh.run_agent("nas1", config, ready, self.lab.home)

    def restart_agent(self):
        """The same agent once more, after it ended in whatever way."""
        self.agent = self.mesh.run_agent("nas1", self.agent.config, True, self.lab.home)

    def agent_config(self, mapping="auto", rendezvous=(f"{RV}:{RV_PORT}",), tables=None, name="nas1"):
        tables = {"nat": {"mapping": mapping}, **(tables or {})}
        return self.mesh.agent_config(name, [{"name": "web", "target": "127.0.0.1:8443"}], rendezvous=list(rendezvous),
                                      tables=tables)

    def caller(self, address=f"{RV}:{RV_PORT}", netns=None, path="client/alice"):
        host, port = endpoint(address)
        return LabCaller(self.mesh, netns or self.lab.client, host, port, path=path)

    # What is published.

    def rows(self, path=None, state=None):
        """The published endpoints of web.home, in order."""
        found = (self.rendezvous.status("services") or {"services": []})["services"]
        return [row for row in found if path in (None, row["path"]) and state in (None, row["state"])]

    def live_direct(self):
        return [row["address"] for row in self.rows("direct", "live")]

    def path(self):
        """The service's path as the agent sees it."""
        state = self.agent.status()
        return state["services"][0]["path"] if state else None

    def wait_direct(self, seconds=DIRECT_WITHIN):
        """The address at which the service is published as direct, once both sides say so."""
        wait_until(lambda: self.live_direct() and self.path() == "direct", "both sides say direct", seconds)
        return self.live_direct()[0]

    def wait_relay(self, seconds):
        wait_until(lambda: not self.live_direct(), "no dead address is published", seconds)

    def assert_serves(self, address, **kwargs):
        """A mutual TLS connection with the service itself; returns what the service saw."""
        seen = self.caller(address, **kwargs).who("web.home")
        self.assertEqual(seen["peer"], ["spiffe://mesh.test/client/alice"])
        self.assertEqual(seen["sni"], "web.home")
        return seen

    def mappings(self):
        return self.lab.router.mappings() if self.lab.router else []

    def wait_no_mapping(self, seconds=5):
        wait_until(lambda: not self.mappings(), "no mapping is left", seconds)

    # The doctor.

    def probe(self, config=None):
        """(exit status, answer, seconds) of `fairlead-agent probe --json` at home."""
        begin = time.monotonic()
        with self.lab.home.inside():
            answer = run_program("fairlead-agent", "probe", "--config", config or self.agent_config(name="probe1"), "--json")
        return answer, time.monotonic() - begin

    def helpers(self):
        """Process ids of UPnP helpers under this test's programs."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if is_helper(pid, self.agent.pid)]


def is_helper(pid, parent):
    with contextlib.suppress(OSError):
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return b"upnp-helper" in words and f"PPid:\t{parent}\n" in status
    return False


class Repeater:
    """Calls something again and again in a thread of its own, until stopped; what it raises ends it and is raised by stop()."""

    def __init__(self, pause=0.05):
        self.pause, self.problem = pause, None
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.ending.set()
        self.thread.join(30)
        if kind is None and self.problem:
            raise self.problem

    def run(self):
        try:
            while not self.ending.is_set():
                self.step()
                self.ending.wait(self.pause)
        except Exception as problem:
            self.problem = problem


class NeverDirect(Repeater):
    """Watches the published list all the while: nothing direct may ever be live in it."""

    def __init__(self, test):
        super().__init__()
        self.test, self.looks = test, 0

    def step(self):
        live = self.test.live_direct()
        if live:
            raise AssertionError(f"published without being reachable: {live}")
        self.looks += 1


class SteadyClient(Repeater):
    """Opens one connection after the other to whatever is published, in order, as a mesh client would: direct endpoints first, the
    relay last, the next one if a connection does not come about within its timeout."""

    def __init__(self, test):
        super().__init__()
        self.test, self.opened, self.detours = test, [], []

    def step(self):
        rows = self.test.rows("direct", "live") + self.test.rows("relay")
        problems = []
        for row in rows:
            try:
                self.attempt(row)
            except OSError as problem:
                problems.append(f"{row['path']} {row['address']}: {problem!r}")
            else:
                self.opened.append(row["path"])
                self.detours += problems
                return
        raise AssertionError(f"connection {len(self.opened) + 1} failed at every endpoint: {problems or 'nothing published'}")

    def attempt(self, row):
        caller = self.test.caller(row["address"])
        with caller.dial(timeout=CONNECT_TIMEOUT) as sock:
            # Through the relay the handshake may wait for another channel; a direct one answers or is dead.
            sock.settimeout(20 if row["path"] == "relay" else CONNECT_TIMEOUT)
            with caller.context.wrap_socket(sock, server_hostname="web.home") as tls:
                tls.sendall(b"who\n")
                if not tls.recv(1):
                    raise ConnectionError("ended without an answer")

    def wait_opened(self, more, seconds=20):
        """Returns after so many more connections."""
        wanted = len(self.opened) + more
        wait_until(lambda: len(self.opened) >= wanted or self.problem, f"{more} more connections", seconds)


class HeldConnection:
    """One connection that lives on; alive() proves it by an echo."""

    def __init__(self, caller):
        self.tls = caller.connect("web.home")
        self.tls.sendall(b"echo\n")

    def alive(self, timeout=5):
        self.tls.settimeout(timeout)
        try:
            self.tls.sendall(b"still there?")
            return self.tls.recv(64) == b"still there?"
        except OSError:
            return False

    def close(self):
        self.tls.close()
