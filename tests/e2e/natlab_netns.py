"""Network namespaces without names, files or holder processes: each lives as long as this process keeps it open.

A thread enters one with `with namespace.inside():`; the sockets it opens and the programs it starts there stay there. Needs
root, or a user namespace in which we are root (see run.py).
"""
import contextlib
import ctypes
import itertools
import os
import socket
import struct
import subprocess

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)

IPCTNL_MSG_CT_DELETE = 0x0102  # of NFNL_SUBSYS_CTNETLINK
NLM_F_REQUEST, NLM_F_ACK, NLMSG_ERROR = 1, 4, 2
NETLINK_NETFILTER = 12


def checked(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def open_current():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


@contextlib.contextmanager
def coming_back():
    """Whatever namespace the block enters, the calling thread ends in the one it was in."""
    before = open_current()
    try:
        yield
    finally:
        checked(LIBC.setns(before, CLONE_NEWNET), "setns back")
        os.close(before)


class Namespace:
    """One host: its interfaces, addresses, sysctls, packet filter and sockets."""

    def __init__(self, name):
        self.name = name
        with coming_back():
            checked(LIBC.unshare(CLONE_NEWNET), "unshare")
            self.descriptor = open_current()
        self.ip("link set lo up")

    @property
    def path(self):
        """What `ip` takes as a namespace's name."""
        return f"/proc/{os.getpid()}/fd/{self.descriptor}"

    @contextlib.contextmanager
    def inside(self):
        with coming_back():
            checked(LIBC.setns(self.descriptor, CLONE_NEWNET), f"setns {self.name}")
            yield

    def run(self, command, stdin=None, check=True):
        with self.inside():
            answer = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True, timeout=20)
        if check and answer.returncode != 0:
            raise AssertionError(f"{self.name}: {command} ended with {answer.returncode}: {answer.stderr}{stdin or ''}")
        return answer

    def ip(self, *lines):
        """Commands of ip(8), in one process."""
        return self.run(["ip", "-batch", "-"], "\n".join(lines) + "\n")

    def nft(self, rules):
        return self.run(["nft", "-f", "-"], rules)

    def sysctl(self, name, value):
        with self.inside(), open(f"/proc/sys/net/{name}", "w", encoding="ascii") as setting:
            setting.write(str(value))

    def open_socket(self, kind=socket.SOCK_STREAM, family=socket.AF_INET):
        with self.inside():
            return socket.socket(family, kind)

    def connect(self, address, timeout=2, source=None):
        """A TCP connection from this host; address is (host, port) of either family."""
        with self.inside():
            return socket.create_connection(address, timeout, source_address=(source, 0) if source else None)

    def reaches(self, address, timeout=0.3):
        """Whether a TCP connection to the address comes about within the time."""
        try:
            self.connect(address, timeout).close()
            return True
        except OSError:
            return False

    def listen(self, address, family=socket.AF_INET):
        listener = self.open_socket(family=family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(64)
        listener.settimeout(5)
        return listener

    def listens(self, protocol, port):
        """Whether somebody listens (tcp) or is bound (udp) at this port, by what the kernel says."""
        tables = (f"/proc/thread-self/net/{protocol}", f"/proc/thread-self/net/{protocol}6")
        state = "0A" if protocol == "tcp" else "07"
        with self.inside():
            for table in tables:
                with open(table, encoding="ascii") as lines:
                    for words in map(str.split, itertools.islice(lines, 1, None)):
                        if int(words[1].rpartition(":")[2], 16) == port and words[3] == state:
                            return True
        return False

    def forget_connections(self):
        """Empties the table of tracked connections, as a power cut does (a delete without a tuple)."""
        with self.inside():
            control = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        with control:
            everything = struct.pack("=BBH", socket.AF_UNSPEC, 0, 0)
            head = struct.pack("=IHHII", 16 + len(everything), IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST | NLM_F_ACK, 1, 0)
            control.send(head + everything)
            answer = control.recv(4096)
            kind, error = struct.unpack_from("=H", answer, 4)[0], struct.unpack_from("=i", answer, 16)[0]
            if kind != NLMSG_ERROR or error != 0:
                raise OSError(-error, f"{self.name}: flush of tracked connections")

    def close(self):
        os.close(self.descriptor)


def link(one, one_interface, other, other_interface):
    """A cable between two hosts."""
    one.ip(f"link add {one_interface} type veth peer name {other_interface} netns {other.path}", f"link set {one_interface} up")
    other.ip(f"link set {other_interface} up")
