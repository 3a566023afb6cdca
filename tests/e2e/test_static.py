"""Static agents: each architecture's joins a real rendezvous, serves, finds names, and is small; where something cannot work
under qemu-user, the test says what and runs the rest."""
import hashlib
import json
import os
import pathlib
import shutil

from client import Caller, end_sending, exchange, read_line
from dns_server import DnsServer
from harness import LOOPBACK, MeshTest, needs_netns, run_program, wait_until
from natlab_igd import needs_miniupnpd
from natlab_mesh import NatMesh, NatTest
from static_agent import StaticMesh, can_register, in_private, needs_static, registered, run_static, static_program

MOST_RSS = 3 << 20
PAYLOAD = 10 << 20


class StaticTest(MeshTest):
    ARCH = None

    def setUp(self):
        self.mesh = StaticMesh()
        self.mesh.arch = self.ARCH
        self.addCleanup(lambda: self.mesh.close(failed=self.has_failed()))

    def rss(self):
        status = pathlib.Path(f"/proc/{self.agent.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) * 1024


class Everywhere:
    """What every architecture does."""

    def test_serves_and_passes_much(self):
        self.start_web()
        caller = Caller(self.mesh)
        self.assertEqual(caller.who("web.home")["peer"], ["spiffe://mesh.test/client/alice"])
        data = os.urandom(PAYLOAD)
        with caller.connect("web.home", timeout=120) as tls:
            tls.sendall(b"sum\n" + data)
            end_sending(tls)
            self.assertEqual(read_line(tls), f"{PAYLOAD} {hashlib.sha256(data).hexdigest()}\n")
        with caller.connect("web.home", timeout=120) as tls:
            self.assertEqual(hashlib.sha256(exchange(tls, b"echo\n" + data, PAYLOAD)).digest(), hashlib.sha256(data).digest())

    def test_is_back_after_a_restart_of_the_rendezvous(self):
        self.start_web()
        self.rendezvous.kill()
        self.rendezvous = self.mesh.run_rendezvous("rv1", self.rendezvous.config)
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")

    def test_command_line(self):
        version = run_static(self.ARCH, "--version")
        self.assertEqual((version.returncode, version.stdout), (0, run_program("fairlead-agent", "--version").stdout), version.stderr)
        self.mesh.start_rendezvous()
        config = self.mesh.agent_config(services=[{"name": "web", "target": f"{LOOPBACK}:1"}])
        checked = run_static(self.ARCH, "check", "--config", config)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        config.write_text(config.read_text().replace("mapping =", "maping ="))
        refused = run_static(self.ARCH, "check", "--config", config)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("maping", refused.stderr)

    def test_probe_says_what_the_ordinary_one_says(self):
        self.start_web()
        answers = [json.loads(run("probe", "--json", "--config", self.agent.config).stdout)
                   for run in (lambda *words: run_static(self.ARCH, *words), lambda *words: run_program("fairlead-agent", *words))]
        static, ordinary = [(found["path"], found["nat"], sorted(reason["code"] for reason in found["reasons"])) for found in answers]
        self.assertEqual(static, ordinary)

    def test_localhost_as_a_target(self):
        self.mesh.start_rendezvous()
        service = self.mesh.start_service()
        self.mesh.start_agent(services=[{"name": "web", "target": service.target.replace(LOOPBACK, "localhost")}])
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")

    def start_by_name(self, files):
        """An agent that sees these files and knows its rendezvous and its service by name alone."""
        self.rendezvous = self.mesh.start_rendezvous()
        service = self.mesh.start_service()
        self.mesh.before = in_private(self.mesh, files)
        self.mesh.start_agent(rendezvous=[f"rv1.test:{self.rendezvous.port}"],
                              services=[{"name": "web", "target": service.target.replace(LOOPBACK, "web.inside.test")}])
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")

    @needs_netns
    def test_names_of_the_hosts_file(self):
        self.start_by_name({"/etc/hosts": f"{LOOPBACK} localhost rv1.test web.inside.test\n"})

    @needs_netns
    def test_names_by_dns(self):
        server = DnsServer({"rv1.test": LOOPBACK, "web.inside.test": LOOPBACK})
        self.addCleanup(server.close)
        self.start_by_name({"/etc/hosts": "", "/etc/resolv.conf": f"nameserver {LOOPBACK}\n"})
        self.assertLessEqual({"rv1.test", "web.inside.test"}, server.asked)

    @needs_netns
    def test_names_where_the_machine_would_load_modules_for_them(self):
        """An nsswitch.conf like a desktop's: its modules are shared objects, which a static program must not need."""
        server = DnsServer({"rv1.test": LOOPBACK, "web.inside.test": LOOPBACK})
        self.addCleanup(server.close)
        self.start_by_name({"/etc/hosts": "", "/etc/resolv.conf": f"nameserver {LOOPBACK}\n",
                            "/etc/nsswitch.conf": "hosts: mymachines mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return] "
                                                  "files myhostname dns\n"})


@needs_static("x86-64")
class StaticX8664(Everywhere, StaticTest):
    ARCH = "x86-64"

    def test_idle_memory(self):
        self.start_web()
        Caller(self.mesh).echo("web.home")
        wait_until(lambda: self.rendezvous.status()["relays"]["live"] == 0, "no relay is live")
        print(f"resident: {self.rss() // 1024} KiB")
        self.assertLessEqual(self.rss(), MOST_RSS)

    @needs_netns
    def test_runs_in_a_root_without_anything(self):
        """No /proc, no /dev, no /etc: the program, its configuration and its certificates."""
        self.rendezvous = self.mesh.start_rendezvous()
        service = self.mesh.start_service()
        root = self.mesh.dir / "root"
        (root / "run").mkdir(parents=True)
        shutil.copy(static_program(self.ARCH), root / "fairlead-agent")
        cert = self.mesh.issue("agent/home/nas1")
        for source, name in ((f"{cert}.crt", "agent.crt"), (f"{cert}.key", "agent.key"), (self.mesh.ca, "ca.crt")):
            shutil.copy(source, root / "run" / name)
        identity = {"cert": "/run/agent.crt", "key": "/run/agent.key", "ca": "/run/ca.crt"}
        config = self.mesh.agent_config(services=[{"name": "web", "target": service.target}],
                                        tables={"agent": {"state_dir": "/run", "control": "unix:/run/agent.sock"},
                                                "identity": identity, "nat": {"mapping": "auto"}})
        shutil.copy(config, root / "run" / "agent.toml")
        self.mesh.start_program("bare", ["chroot", root, "/fairlead-agent", "run", "--config", "/run/agent.toml"])
        wait_until(lambda: self.rendezvous.status()["services"]["total"] == 1, "the service is registered")
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")


@needs_static("arm64")
class StaticArm64(Everywhere, StaticTest):
    ARCH = "arm64"


@needs_static("armhf")
class StaticArmhf(Everywhere, StaticTest):
    ARCH = "armhf"


class StaticNatMesh(StaticMesh, NatMesh):
    pass


@needs_netns
@needs_miniupnpd
class StaticUpnp(NatTest):
    """UPnP is a second process, the agent's own program again by /proc/self/exe."""

    TOPOLOGY, OPTIONS = "igd", {"protocols": ["upnp"]}

    def setUp(self):
        super().setUp()
        self.mesh.close()
        self.mesh = StaticNatMesh()

    def start(self, arch, before=()):
        self.mesh.arch, self.mesh.before = arch, before
        self.start_cast()

    def check_direct(self):
        address = self.wait_direct()
        self.assert_serves(address)
        (mapping,) = [mapping for mapping in self.agent.status()["mappings"] if mapping["verified"]]
        self.assertEqual((mapping["protocol"], mapping["external"]), ("upnp", address))

    @needs_static("x86-64")
    def test_x86_64(self):
        self.start("x86-64")
        self.check_direct()

    def check_emulated(self, arch):
        """As on a machine of that kind, where the kernel itself can start the helper."""
        if not can_register(arch, self.mesh.dir):
            self.skipTest("this kernel has one register of program formats, the machine's own: Linux 6.7 or later is needed")
        self.start(arch, registered(arch, self.mesh.dir))
        self.check_direct()

    @needs_static("arm64")
    def test_arm64(self):
        self.check_emulated("arm64")

    @needs_static("armhf")
    def test_armhf(self):
        self.check_emulated("armhf")

    @needs_static("arm64")
    def test_a_helper_that_cannot_start_leaves_the_relay(self):
        """Under qemu-user alone /proc/self/exe is a program that this machine's kernel does not know."""
        self.start("arm64")
        self.assertEqual(self.path(), "relay")
        self.agent.wait_logged(30, reason="no_port_mapping")
        self.assertEqual(self.live_direct(), [])
        self.assertEqual(self.caller().who("web.home")["peer"], ["spiffe://mesh.test/client/alice"])
