"""The flashed device: an arm64 board with 64 MiB and a clock that says 1970, behind a NAT that forwards nothing, joins a
rendezvous and serves a connection; loses power, and does so again."""
import datetime
import hashlib
import shutil
import signal
import subprocess

from client import ALERT_INTERNAL_ERROR, Caller, client_hello
from device import HOST, Device, device_files, needs_device
from dns_server import DnsServer
from harness import LOOPBACK, SOON, Mesh, MeshTest, needs_netns, needs_program, wait_until

JOINS_WITHIN = 60  # from the end of booting, on a busy machine; alone it takes 2 s
LEAST_RSS = 3 << 10  # KiB
PAYLOAD = 1 << 20
PING = 2  # seconds
SILENT_WITHIN = 4 * PING  # two missed pings, and what a busy machine adds


class DeviceMesh(Mesh):
    rendezvous_ips = [LOOPBACK, HOST]


@needs_device
@needs_program("curl")
class FlashedDevice(MeshTest):
    def setUp(self):
        self.mesh = DeviceMesh()
        self.addCleanup(lambda: self.mesh.close(failed=self.has_failed()))
        self.rendezvous = self.start_rendezvous()
        self.alice = self.mesh.issue("client/alice")

    def start_rendezvous(self, tables=None):
        limits = {"ping_interval": f"{PING}s", "channel_wait": "10s"}
        return self.mesh.start_rendezvous(tables={"limits": limits, **(tables or {})})

    def switch_on(self, name="device", rendezvous=None, extra=None):
        """Returns once its service is published."""
        known = self.sessions()
        files = device_files(self.mesh, rendezvous or f"{HOST}:{self.rendezvous.port}", extra=extra)
        device = self.mesh.add(Device(name, files, self.mesh.dir))
        self.assertTrue(device.wait_booted(), f"{name} ended before it had booted")
        wait_until(lambda: (self.published() and self.sessions() - known) or not device.running(), "the device joins", JOINS_WITHIN)
        self.assertIsNone(device.said("ended"))
        return device

    def published(self):
        return [row for row in (self.rendezvous.status("services") or {"services": []})["services"] if row["state"] == "live"]

    def sessions(self):
        return {agent["since"] for agent in (self.rendezvous.status("agents") or {"agents": []})["agents"]}

    def fetch(self, path="/"):
        port = self.rendezvous.port
        answer = subprocess.run(["curl", "-sS", "--fail", "--max-time", "60", "--cacert", self.mesh.ca, "--cert", f"{self.alice}.crt",
                                 "--key", f"{self.alice}.key", "--connect-to", f"web.home:443:{LOOPBACK}:{port}",
                                 f"https://web.home{path}"], capture_output=True)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return answer.stdout

    def page(self):
        """What the device says of itself: {"Peer": "spiffe://...", "Clock": "12", "VmRSS": "2000 kB", ...}."""
        lines = self.fetch().decode().splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def test_joins_with_a_wrong_clock_and_serves(self):
        device = self.switch_on()
        self.assertEqual({row["path"] for row in self.published()}, {"relay"})
        seen = self.page()
        self.assertEqual(seen["Peer"], "spiffe://mesh.test/client/alice")
        self.assertEqual(datetime.datetime.fromtimestamp(int(seen["Clock"]), datetime.timezone.utc).year, 1970)
        self.assertEqual(seen["Name"], "fairlead-agent")
        payload = self.fetch(f"/bytes/{PAYLOAD}")
        wanted = bytes((at // 251) & 0xFF for at in range(PAYLOAD))
        self.assertEqual(hashlib.sha256(payload).hexdigest(), hashlib.sha256(wanted).hexdigest())
        after = self.page()
        print(f"{device.said('booted')}; the agent: {after['VmRSS']} resident, {after['VmHWM']} at most")
        self.assertLessEqual(int(after["VmRSS"].split()[0]), LEAST_RSS)

    def test_joins_a_rendezvous_whose_certificate_is_newer_than_its_software(self):
        """Everything that the device knows of is earlier: its build, and its own certificate, which the CA dates back."""
        self.rendezvous.stop()
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d%H%M%SZ")
        sans = ["URI:spiffe://mesh.test/rendezvous/rv1", *(f"IP:{ip}" for ip in self.mesh.rendezvous_ips)]
        newer = self.mesh.authority.issue_odd("newer", sans, begin=now)
        identity = {"cert": f"{newer}.crt", "key": f"{newer}.key"}
        self.mesh.rendezvous_port = None
        self.rendezvous = self.start_rendezvous({"identity": identity})
        device = self.switch_on()
        self.assertTrue([line for line in device.lines() if "the system clock is wrong" in line])
        before = self.sessions()
        self.page()
        # From now on it knows the time. Without its ticket keys the rendezvous has to show the certificate once more.
        self.rendezvous.stop()
        shutil.rmtree(self.mesh.dir / "rv1-state")
        self.rendezvous = self.restarted()
        wait_until(lambda: self.published() and self.sessions() - before, "the device comes back", JOINS_WITHIN)
        self.assertEqual(self.page()["Peer"], "spiffe://mesh.test/client/alice")
        opened = [line for line in device.lines() if '"session opened"' in line]
        self.assertIn('"resumed":"no"', opened[1])

    def test_a_power_cut_is_noticed_and_the_next_boot_takes_over(self):
        device = self.switch_on("first")
        self.page()
        device.kill()
        wait_until(lambda: not self.published(), "the endpoint is withdrawn", SOON)
        self.assertEqual(Caller(self.mesh).alert_for(client_hello("web.home")), ALERT_INTERNAL_ERROR)
        self.switch_on("second")
        self.assertEqual(self.page()["Peer"], "spiffe://mesh.test/client/alice")

    def test_a_device_that_falls_silent_is_withdrawn(self):
        """Its connections still stand, as they do when a NAT has not noticed either; nothing answers on them."""
        device = self.switch_on()
        device.signal(signal.SIGSTOP)
        wait_until(lambda: not self.published(), "the endpoint is withdrawn", SILENT_WITHIN)

    def test_a_second_boot_takes_over_from_a_session_that_nobody_ended(self):
        self.rendezvous.config.write_text(self.rendezvous.config.read_text().replace(f'"{PING}s"', '"60s"'))
        self.rendezvous.stop()
        self.rendezvous = self.restarted()
        self.switch_on("first").signal(signal.SIGSTOP)
        self.assertTrue(self.published())
        self.switch_on("second")
        self.assertEqual(self.rendezvous.status()["agents"]["total"], 1)
        self.assertEqual(self.page()["Peer"], "spiffe://mesh.test/client/alice")

    def restarted(self):
        daemon = self.mesh.run_rendezvous("rv1", self.rendezvous.config)
        daemon.port = self.mesh.rendezvous_port
        return daemon

    @needs_netns  # port 53 is somebody's, elsewhere
    def test_finds_its_rendezvous_by_name(self):
        server = DnsServer({"rv1.test": HOST})
        self.addCleanup(server.close)
        self.switch_on(rendezvous=f"rv1.test:{self.rendezvous.port}",
                       extra={"etc/resolv.conf": f"nameserver {HOST}\noptions timeout:2\n".encode()})
        self.page()
        self.assertIn("rv1.test", server.asked)
