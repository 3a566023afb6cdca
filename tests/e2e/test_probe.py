"""`fairlead-agent probe`: which NAT this is, why a service is not direct, what to do; quickly, and leaving nothing behind."""
import json

from harness import needs_netns, run_program, wait_until
from natlab import CLIENT, LAN_GATEWAY, RV, SOMEBODY_ELSE, WAN
from natlab_igd import needs_miniupnpd
from natlab_mesh import PROBE_WITHIN, RV_PORT, NatTest
from natlab_scripted import ScriptedPcp, ScriptedUpnp, always_conflict, broken_xml, endless, trickling

NOWHERE = f"{SOMEBODY_ELSE}:{RV_PORT}"  # nobody has this address


class ProbeTest(NatTest):
    def diagnose(self, topology, path, nat, codes=(), status=0, **options):
        """Probes a topology and returns the answer; `codes`: one of them must be among the reasons (none: no reason at all)."""
        self.lab.topology(topology, **options)
        self.start_rendezvous()
        return self.look(path, nat, codes, status)

    def look(self, path, nat, codes=(), status=0, config=None):
        answer, took = self.probe(config)
        found = json.loads(answer.stdout)
        text = json.dumps(found, indent=1)
        self.assertLess(took, PROBE_WITHIN, text)
        self.assertEqual((found["path"], found["nat"], answer.returncode), (path, nat, status), text + answer.stderr)
        given = {reason["code"] for reason in found["reasons"]}
        self.assertTrue(given & set(codes) if codes else not given, f"{given} has none of {codes}\n{text}")
        for reason in found["reasons"]:
            self.assertTrue(reason["evidence"] and reason["next_step"], reason)
        self.assertEqual(self.mappings(), [], "the probe left a mapping behind")
        return found


@needs_netns
@needs_miniupnpd
class ProbeTopologies(ProbeTest):
    def test_igd(self):
        found = self.diagnose("igd", "direct", "nat")
        self.assertEqual(found["seen_from_outside"], WAN)
        self.assertEqual(set(found["protocols"]), {"pcp", "nat_pmp", "upnp"})

    def test_host_with_a_public_address(self):
        self.diagnose("plain", "direct", "none")

    def test_nat_without_mapping(self):
        self.diagnose("nat", "relay", "nat", {"no_port_mapping"})

    def test_symmetric_nat_without_mapping(self):
        self.diagnose("nat", "relay", "nat", {"no_port_mapping"}, symmetric=True)

    def test_silent_gateway(self):
        self.diagnose("silent", "relay", "nat", {"no_port_mapping"})

    def test_double_nat(self):
        self.diagnose("double_nat", "relay", "double_nat", {"double_nat"})

    def test_cgnat(self):
        self.diagnose("cgnat", "relay", "cgnat", {"cgnat"})

    def test_gateway_that_lies(self):
        self.diagnose("lying", "relay", "nat", {"mapping_unreachable", "gateway_lies"})

    def test_gateway_that_lies_about_its_address(self):
        self.lab.topology("lying", external=SOMEBODY_ELSE)
        self.start_rendezvous()
        answer, took = self.probe()
        found = json.loads(answer.stdout)
        self.assertLess(took, PROBE_WITHIN)
        self.assertEqual((found["path"], answer.returncode), ("relay", 0))
        self.assertTrue({"gateway_lies", "mapping_unreachable"} & {reason["code"] for reason in found["reasons"]}, found)
        self.assertEqual(self.mappings(), [])


@needs_netns
class ProbeOdd(ProbeTest):
    def test_conflict_everywhere(self):
        self.diagnose("scripted", "relay", "nat", {"mapping_conflict"}, gateway=ScriptedUpnp, error=always_conflict)

    def test_not_authorized(self):
        self.diagnose("scripted", "relay", "nat", {"mapping_refused"}, gateway=ScriptedPcp, result=2)

    def test_broken_description(self):
        self.diagnose("scripted", "relay", "nat", {"gateway_broken", "no_port_mapping"}, gateway=ScriptedUpnp, description=broken_xml)

    def test_endless_description(self):
        self.diagnose("scripted", "relay", "nat", {"gateway_broken", "no_port_mapping"}, gateway=ScriptedUpnp, description=endless)

    def test_description_that_trickles(self):
        self.diagnose("scripted", "relay", "nat", {"gateway_broken", "mapping_late", "no_port_mapping"}, gateway=ScriptedUpnp,
                      description=trickling)

    def test_location_off_the_link(self):
        self.diagnose("scripted", "relay", "nat", {"gateway_broken", "no_port_mapping"}, gateway=ScriptedUpnp,
                      location=f"http://{CLIENT}/desc.xml")

    def test_slow_gateway(self):
        self.diagnose("scripted", "direct", "nat", gateway=ScriptedUpnp, delay=0.3)


@needs_netns
@needs_miniupnpd
class ProbeWithout(ProbeTest):
    """Nothing to talk to, or a running agent beside it."""

    def test_no_rendezvous(self):
        self.lab.topology("igd")
        config = self.agent_config(rendezvous=[NOWHERE], name="probe1")
        answer, took = self.probe(config)
        found = json.loads(answer.stdout)
        self.assertLess(took, PROBE_WITHIN)
        self.assertEqual((found["path"], answer.returncode), ("none", 1))
        self.assertIn("no_rendezvous", {reason["code"] for reason in found["reasons"]})
        self.assertEqual(self.mappings(), [])

    def test_beside_a_running_agent(self):
        """The doctor looks at a patient that is up: its mapping and its session stay."""
        self.lab.topology("igd")
        self.start_cast()
        self.wait_direct()
        before = self.mappings()
        answer, took = self.probe(self.agent.config)
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)
        self.assertLess(took, PROBE_WITHIN)
        self.assertEqual(self.mappings(), before)
        wait_until(lambda: self.path() == "direct", "the agent is as it was")
        self.assert_serves(f"{RV}:{RV_PORT}")

    def test_before_there_is_an_identity(self):
        """No configuration file: the gateway and the way to the server are looked at, and the answer says what it cannot know."""
        self.lab.topology("igd")
        self.start_rendezvous()
        with self.lab.home.inside():
            answer = run_program("fairlead-agent", "probe", "--rendezvous", f"{RV}:{RV_PORT}", "--json")
            nobody = run_program("fairlead-agent", "probe", "--rendezvous", NOWHERE)
        found = json.loads(answer.stdout)
        self.assertEqual((answer.returncode, found["path"], found["gateway"]), (0, "relay", LAN_GATEWAY), answer.stderr)
        self.assertEqual((found["protocols"]["pcp"]["state"], found["candidates"][0]["address"].split(":")[0]), ("mapped", WAN))
        self.assertEqual(nobody.returncode, 1, nobody.stdout)
        self.assertIn("no_rendezvous", nobody.stdout)
        self.assertEqual(self.mappings(), [])

    def test_text_names_the_next_step(self):
        self.lab.topology("nat")
        self.start_rendezvous()
        with self.lab.home.inside():
            answer = run_program("fairlead-agent", "probe", "--config", self.agent_config(name="probe1"))
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("no_port_mapping", answer.stdout)
        self.assertIn("UPnP", answer.stdout)
