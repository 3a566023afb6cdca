"""Machines of a story on this one: each has its own name, /etc, /run and /var/lib, and one network with the others.

What a line of a `console` block says after `NAME$ ` runs on that machine, as root and with default paths, as a reader would
type it. Only inside a network namespace of the test's own.
"""
import re
import shutil
import subprocess

from harness import LOOPBACK

LINE = re.compile(r"^(\w+)\$ (.*?)(?:\s+# .*)?$")
TOKEN = re.compile(r"\bfl1_[a-z2-7]+")


class Host:
    PLACES = {"etc": "/etc", "run": "/run", "lib": "/var/lib"}

    def __init__(self, directory, names):
        """`names`: what all machines call this one network's addresses, as in /etc/hosts."""
        self.directory = directory
        shutil.copytree("/etc", directory / "etc", symlinks=True, ignore=shutil.ignore_patterns("ssl", "fairlead"))
        for place in ("run", "lib"):
            (directory / place).mkdir()
        with open(directory / "etc" / "hosts", "a", encoding="ascii") as hosts:
            hosts.writelines(f"{LOOPBACK} {name}\n" for name in names)

    def command(self, line):
        """The words that run a shell's line here; its last program takes this process's place."""
        binds = " && ".join(f"mount --bind {self.directory / place} {where}" for place, where in self.PLACES.items())
        return ["unshare", "--mount", "--uts", "bash", "-c", f"hostname {self.directory.name} && {binds} && cd / && exec bash -c {quoted('exec ' + line)}"]

    def run(self, line, env):
        return subprocess.run(self.command(line), env=env, capture_output=True, text=True, timeout=60)


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def lines_of(block):
    """[(host, command)] of a console block; comments behind a command are the reader's."""
    return [LINE.match(line).groups() for line in block.splitlines() if line]
