"""Thousands of agents come back after a restart of the rendezvous, while mesh clients go on. FAIRLEAD_STORM says how many
agents (their first, full handshakes take a processor about 20 ms each, on both sides together)."""
import json
import os
import pathlib
import time
import unittest

import harness
from client import Caller
from harness import MeshTest, binary, wait_until

AGENTS = int(os.environ.get("FAIRLEAD_STORM", "1000"))
RAMP = 60 + AGENTS // 10  # seconds
BACK = 30


def storm_program():
    base = pathlib.Path(binary("fairlead-rendezvous")).parent.parent
    return base / "tests" / "load" / "agent_storm"


class Storm(MeshTest):
    def setUp(self):
        super().setUp()
        if not storm_program().is_file():
            raise unittest.SkipTest("agent_storm is not built")
        policy = [{"agent": "spiffe://{trust_domain}/agent/load/*", "services": ["*.load"], "endpoints": ["*"]},
                  {"agent": "spiffe://{trust_domain}/agent/{cluster}/{name}", "services": ["*.{cluster}"],
                   "endpoints": ["{name}"]}]
        # All agents of the storm come from one address.
        self.start_web(tables={"policy": policy, "limits": {"unclassified_per_source": 4096}})
        cert = self.mesh.issue("agent/load/storm")
        self.storm = self.mesh.start_program(
            "storm", [storm_program(), "--rendezvous", f"127.0.0.1:{self.rendezvous.port}", "--count", str(AGENTS),
                      "--cert", f"{cert}.crt", "--key", f"{cert}.key", "--ca", self.mesh.ca, "--seconds", "900"])

    def registered(self):
        lines = [line for line in self.storm.lines() if line.startswith("{")]
        return json.loads(lines[-1])["registered"] if lines else 0

    def test_all_agents_come_back_and_clients_are_served_meanwhile(self):
        caller = Caller(self.mesh)
        wait_until(lambda: self.registered() == AGENTS, f"{AGENTS} agents are registered", RAMP)
        self.assertEqual(self.rendezvous.status()["agents"]["total"], AGENTS + 1)
        config = self.rendezvous.config
        self.rendezvous.kill()
        self.rendezvous.wait()
        wait_until(lambda: self.registered() == 0, "the storm has noticed")
        begin = time.monotonic()
        self.rendezvous = self.mesh.run_rendezvous("rv1", config)
        slowest = served = 0
        while self.registered() < AGENTS:
            self.assertLess(time.monotonic() - begin, BACK, f"{self.registered()} of {AGENTS} are back")
            asked = time.monotonic()
            self.assertEqual(caller.echo("web.home"), b"hello over the relay")
            slowest = max(slowest, time.monotonic() - asked)
            served += 1
        took = time.monotonic() - begin
        state = self.rendezvous.status()
        print(f"{AGENTS} agents back in {took:.1f} s; {served} clients served meanwhile, the slowest in {slowest:.2f} s")
        self.assertEqual(state["agents"]["total"], AGENTS + 1)
        self.assertNotIn("classify_timeout", state["refused"])
        self.assertGreater(served, 0)
