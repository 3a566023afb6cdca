"""The ways from the load's client to the load's service: direct, one and two HAProxy hops, rendezvous and agent."""
from world import LOOPBACK, World

SERVICE, RENDEZVOUS, NEAR, FAR = 1000, 1443, 1001, 1002  # ports; NEAR and FAR are HAProxy's, seen from the client

# Channels that the agent keeps ready, at least and at most: never too few for the load; what an agent has by default.
PLENTY, DEFAULT = (128, 256), (1, 32)
DIRECT, ONE_HOP, TWO_HOPS, FAIRLEAD = "direct", "haproxy1", "haproxy2", "fairlead"
BESIDE = {DIRECT: "direct", ONE_HOP: "one HAProxy hop", TWO_HOPS: "two HAProxy hops"}


class Ways:
    """All of them running at once; `address` and `processes` of each. What is not measured is idle."""

    def __init__(self, haproxy_pipe=0, pool=PLENTY):
        self.world = World()
        try:
            self.start(haproxy_pipe, pool)
        except BaseException:
            self.world.close()
            raise

    def start(self, haproxy_pipe, pool):
        self.service = self.world.start_load_service(SERVICE)
        far = self.world.start_haproxy("haproxy-far", FAR, self.service.target, haproxy_pipe)
        near = self.world.start_haproxy("haproxy-near", NEAR, f"{LOOPBACK}:{FAR}", haproxy_pipe)
        self.rendezvous = self.world.start_rendezvous(port=RENDEZVOUS)
        self.agent = self.world.start_bench_agent(self.service.target, pool=pool)
        self.address = {way: f"{LOOPBACK}:{port}" for way, port in
                        ((DIRECT, SERVICE), (ONE_HOP, FAR), (TWO_HOPS, NEAR), (FAIRLEAD, RENDEZVOUS))}
        self.processes = {DIRECT: {}, ONE_HOP: {"far": far}, TWO_HOPS: {"near": near, "far": far},
                          FAIRLEAD: {"rendezvous": self.rendezvous, "agent": self.agent}}

    def close(self):
        self.world.close()
