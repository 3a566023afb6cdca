"""The ways from the load's client to the load's service: direct, one and two HAProxy hops, rendezvous and agent."""
from world import LOOPBACK, World

SERVICE, RENDEZVOUS, NEAR, FAR = 1000, 1443, 1001, 1002  # ports; NEAR and FAR are HAProxy's, seen from the client

DIRECT, ONE_HOP, TWO_HOPS, FAIRLEAD = "direct", "haproxy1", "haproxy2", "fairlead"
BESIDE = {DIRECT: "direct", ONE_HOP: "one HAProxy hop", TWO_HOPS: "two HAProxy hops"}


class Ways:
    """All of them running at once; `address` and `processes` of each. What is not measured is idle."""

    def __init__(self, haproxy_pipe=0):
        self.world = World()
        service = self.world.start_load_service(SERVICE)
        far = self.world.start_haproxy("haproxy-far", FAR, service.target, haproxy_pipe)
        near = self.world.start_haproxy("haproxy-near", NEAR, f"{LOOPBACK}:{FAR}", haproxy_pipe)
        rendezvous = self.world.start_rendezvous(port=RENDEZVOUS)
        self.agent = self.world.start_bench_agent(service.target)
        self.address = {way: f"{LOOPBACK}:{port}" for way, port in
                        ((DIRECT, SERVICE), (ONE_HOP, FAR), (TWO_HOPS, NEAR), (FAIRLEAD, RENDEZVOUS))}
        self.processes = {DIRECT: {}, ONE_HOP: {"far": far}, TWO_HOPS: {"near": near, "far": far},
                          FAIRLEAD: {"rendezvous": rendezvous, "agent": self.agent}}

    def close(self):
        self.world.close()
