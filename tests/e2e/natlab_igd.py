"""miniupnpd in a router: PCP, NAT-PMP and UPnP of a gateway that means well."""
import uuid

from harness import Process, find_program, needs_program, wait_until

HTTP_PORT = 5555
NAT_PMP_PORT = 5351
SOON = 3

needs_miniupnpd = needs_program("miniupnpd")


class Miniupnpd:
    """Lifetimes: at least 120 s are granted, at most a day."""

    def __init__(self, router, directory, version=2, external=None, upnp=True, natpmp=True):
        self.router, self.dir = router, directory
        self.upnp, self.natpmp = upnp, natpmp
        self.options = (["-1"] if version == 1 else []) + (["-o", external] if external else [])
        self.config = directory / f"{router.namespace.name}-miniupnpd.conf"
        self.log = directory / f"{router.namespace.name}-miniupnpd.log"
        self.process = None
        yes = {True: "yes", False: "no"}
        settings = {
            "ext_ifname": "wan", "ext_ifname6": "wan", "listening_ip": "lan", "http_port": HTTP_PORT, "enable_natpmp": yes[natpmp],
            "enable_upnp": yes[upnp], "secure_mode": "yes", "system_uptime": "no", "min_lifetime": 120, "max_lifetime": 86400,
            "upnp_table_name": "filter", "upnp_nat_table_name": "filter", "upnp_forward_chain": "miniupnpd",
            "upnp_nat_chain": "prerouting_miniupnpd", "upnp_nat_postrouting_chain": "postrouting_miniupnpd",
            "lease_file": "", "uuid": uuid.uuid4(),
        }
        self.config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()) +
                               "allow 1024-65535 0.0.0.0/0 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n")

    def start(self):
        command = [find_program("miniupnpd"), "-d", "-f", self.config, "-P", self.config.with_suffix(".pid"), *self.options]
        self.process = Process("miniupnpd", command, self.log, netns=self.router.namespace)
        wait_until(lambda: self.listens() or not self.process.running(), "miniupnpd listens", SOON)
        if not self.process.running():
            raise AssertionError("miniupnpd ended: " + "\n".join(self.process.lines()[-20:]))

    def listens(self):
        namespace = self.router.namespace
        return ((not self.natpmp or namespace.listens("udp", NAT_PMP_PORT)) and
                (not self.upnp or namespace.listens("tcp", HTTP_PORT)))

    def stop(self):
        """At once, as without power: nobody is told, nothing is tidied up."""
        if self.process:
            self.process.kill()
            self.config.with_suffix(".pid").unlink(missing_ok=True)
            self.process = None
