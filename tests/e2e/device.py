"""A small device in qemu: what packaging/device/build made, with the certificates and the configuration of one test.

It sits behind qemu's user networking, a NAT that forwards nothing: it reaches this host's loopback at 10.0.2.2, and nobody
reaches it. Its serial console is its log.
"""
import unittest

from harness import ROOT, Process, find_program, toml_document, wait_until

EMULATOR = "qemu-system-aarch64"
MADE = ROOT / "build" / "device" / "arm64"
HOST = "10.0.2.2"  # this host's loopback, seen from the device
MEMORY_MIB = 64
BOOTED_WITHIN = 60  # an emulated processor on a busy machine; alone it takes 2 s
WRONG_DATE = "1970-01-01T00:00:00"

needs_device = unittest.skipUnless(
    find_program(EMULATOR) and (MADE / "initramfs").is_file(),
    "no device to boot: run packaging/dependencies device && packaging/device/build")


def cpio_entry(number, name, mode, data=b""):
    """One member of an archive in the "newc" format, the one that the kernel unpacks (Documentation/driver-api/early-userspace)."""
    path = name.encode() + b"\0"
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0]
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + path
    return padded(head) + padded(data)


def padded(data):
    return data + bytes(-len(data) % 4)


def archive(files):
    """{"etc/hosts": b"..."} as an archive to append to an initramfs; the folders are there already."""
    members = [cpio_entry(number, name, 0o100600, data) for number, (name, data) in enumerate(files.items(), 1)]
    return b"".join(members) + cpio_entry(0, "TRAILER!!!", 0)


class Device(Process):
    """A device that was switched on. kill() is a power cut."""

    def __init__(self, name, files, directory):
        initramfs = directory / f"{name}.initramfs"
        initramfs.write_bytes((MADE / "initramfs").read_bytes() + archive(files))
        command = [find_program(EMULATOR), "-machine", "virt", "-cpu", "cortex-a53", "-m", MEMORY_MIB, "-nographic", "-no-reboot",
                   "-rtc", f"base={WRONG_DATE}", "-kernel", MADE / "vmlinuz", "-initrd", initramfs,
                   "-append", "console=ttyAMA0 quiet panic=-1", "-netdev", "user,id=lan", "-device", "virtio-net-pci,netdev=lan,romfile="]
        super().__init__(name, command, directory / f"{name}.console")

    def wait_booted(self):
        return wait_until(lambda: self.said("booted") or not self.running(), f"{self.name} boots", BOOTED_WITHIN)

    def said(self, word):
        """The first line of its own that has this word, without the prefix."""
        return next((line.removeprefix("device: ") for line in self.lines() if line.startswith("device: ") and word in line), None)


def device_files(mesh, rendezvous, name="nas1", extra=None):
    """What makes a device this one: its identity, its service's, and an agent.toml with nothing but the necessary."""
    agent, service = mesh.issue(f"agent/home/{name}"), mesh.issue("service/web", dns=["web.home"])
    config = toml_document({
        "agent": {"name": name, "cluster": "home", "rendezvous": [rendezvous], "state_dir": "/var/lib/fairlead",
                  "control": "unix:/run/fairlead-agent.sock"},
        "identity": {"cert": "/etc/fairlead/agent.crt", "key": "/etc/fairlead/agent.key", "ca": "/etc/fairlead/ca.crt"},
        "service": [{"name": "web", "target": "127.0.0.1:8443"}],
    })
    files = {"etc/fairlead/agent.toml": config.encode(), "etc/fairlead/ca.crt": mesh.ca.read_bytes()}
    for owner, prefix in (("agent", agent), ("service", service)):
        for suffix in (".crt", ".key"):
            files[f"etc/fairlead/{owner}{suffix}"] = prefix.with_suffix(suffix).read_bytes()
    return {**files, **(extra or {})}
