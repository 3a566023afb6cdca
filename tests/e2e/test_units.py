"""The units of packaging/systemd can be loaded, start what is installed, and are what `setup` and `join` mean."""
import pathlib
import re
import subprocess
import tempfile
import unittest

from harness import ROOT, binary, needs_program

UNITS = ROOT / "packaging" / "systemd"


class Units(unittest.TestCase):
    @needs_program("systemd-analyze")
    def test_systemd_reads_them_without_a_word(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("fairlead-agent", "fairlead-rendezvous"):
                text = (UNITS / f"{name}.service").read_text()
                installed = pathlib.Path(folder, f"{name}.service")
                installed.write_text(text.replace(f"/usr/bin/{name} ", f"{binary(name)} "))
                answer = subprocess.run(["systemd-analyze", "verify", installed], capture_output=True, text=True, timeout=60)
                self.assertEqual((answer.returncode, answer.stdout + answer.stderr), (0, ""))

    def test_who_has_not_joined_has_nothing_to_start(self):
        for name in ("agent", "rendezvous"):
            text = (UNITS / f"fairlead-{name}.service").read_text()
            (config,) = re.findall(r"^ConditionPathExists=(.*)$", text, re.M)
            self.assertEqual(config, f"/etc/fairlead/{name}.toml")
            self.assertIn(f"\nExecStart=/usr/bin/fairlead-{name} run --config {config}\n", text)
            # Where the sample says that its state and its sockets are.
            sample = (ROOT / "packaging" / f"{name}.toml").read_text()
            for kind, place in (("StateDirectory", "/var/lib"), ("RuntimeDirectory", "/run")):
                (directory,) = re.findall(rf"^{kind}=(.*)$", text, re.M)
                self.assertIn(f"{place}/{directory}", sample)
