"""The static agents of packaging/static/build, those of other architectures under qemu-user, in place of the agent that was
built for this machine."""
import subprocess
import unittest

from harness import ROOT, Daemon, Mesh, Process, find_program

EMULATORS = {"x86-64": None, "arm64": "qemu-aarch64-static", "armhf": "qemu-arm-static"}
# The first bytes of an ELF file for the machine, and which of their bits count: what the kernel is told to hand to qemu.
HEADER = {"arm64": (2, 0xB7), "armhf": (1, 0x28)}  # ELF class, e_machine
MASK = bytes([0xFF] * 7 + [0] + [0xFF] * 8 + [0xFE] + [0xFF] * 3)


def static_program(arch, name="fairlead-agent"):
    return ROOT / "build" / "static" / arch / name


def is_there(arch):
    emulator = EMULATORS[arch]
    return static_program(arch).is_file() and (emulator is None or find_program(emulator) is not None)


def needs_static(arch):
    return unittest.skipUnless(is_there(arch), f"no static agent: run packaging/dependencies device && packaging/static/build {arch}")


def command_of(arch):
    """What starts the agent."""
    emulator = EMULATORS[arch]
    return ([find_program(emulator)] if emulator else []) + [str(static_program(arch))]


def run_static(arch, *words, timeout=60):
    return subprocess.run([*command_of(arch), *map(str, words)], capture_output=True, text=True, timeout=timeout)


def in_private(mesh, files):
    """Words before a command that let it see other files: {"/etc/hosts": "127.0.0.1 ..."}. Needs a namespace with root."""
    script = ""
    for number, (path, text) in enumerate(files.items()):
        source = mesh.dir / f"private-{number}"
        source.write_text(text)
        script += f"mount --bind {source} {path} && "
    return ["unshare", "--mount", "sh", "-c", script + 'exec "$@"', "sh"]


def registered(arch, directory):
    """Words before a command that let it start programs of this architecture by themselves, as a machine of that kind would:
    qemu-user alone starts one program, and what that starts must be this machine's. Since Linux 6.7 a user namespace has
    its own register of formats; nothing of the machine's changes."""
    elf_class, machine = HEADER[arch]
    magic = b"\x7fELF" + bytes([elf_class, 1, 1]) + bytes(9) + b"\x02\x00" + bytes([machine, 0])
    line = f":{arch}:M::{escaped(magic)}:{escaped(MASK)}:{find_program(EMULATORS[arch])}:F"
    mounted = directory / "binfmt"
    mounted.mkdir(exist_ok=True)
    script = f"mount -t binfmt_misc binfmt {mounted} && printf %s '{line}' > {mounted}/register && exec \"$@\""
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]


def escaped(data):
    return "".join(f"\\x{byte:02x}" for byte in data)


def can_register(arch, directory):
    words = [*registered(arch, directory), str(static_program(arch)), "--version"]
    return subprocess.run(words, capture_output=True, timeout=60).returncode == 0


class StaticAgent(Daemon):
    """A running static agent. Its command line is answered by the agent that was built for this machine."""

    def __init__(self, command, name, config, log, netns=None):
        self.program, self.config = "fairlead-agent", config
        Process.__init__(self, name, [*command, "--log-format", "json", "--log-level", "debug", "run", "--config", config], log, netns)


class StaticMesh(Mesh):
    """A mesh whose agents are static ones; `before` stands ahead of their command, `command` in place of it."""

    arch, before, command = "x86-64", (), None

    def new_agent(self, name, config, netns):
        return StaticAgent([*self.before, *(self.command or command_of(self.arch))], name, config, self.dir / f"{name}.log", netns)
