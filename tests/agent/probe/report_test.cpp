#include "agent/probe/report.h"

#include <algorithm>

#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

using nat::GatewayFailure;
using nat::ProtocolReport;

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

ProtocolReport absent() {
  return {.state = ProtocolReport::State::absent};
}
ProtocolReport failed(GatewayFailure failure) {
  return {.state = ProtocolReport::State::failed, .facts = {}, .error = nat::GatewayError{failure, "as it said"}};
}
ProtocolReport mapped(const char* external) {
  return {.state = ProtocolReport::State::mapped, .facts = {.external = ip(external)}};
}

// A home network behind a gateway, with one server that sees 25.1.0.2.
ProbeFacts home() {
  ProbeFacts facts;
  facts.protocols = {MappingProtocol::pcp, MappingProtocol::nat_pmp, MappingProtocol::upnp};
  nat::UplinkReport uplink;
  uplink.uplink = {.interface = "eth0", .local = ip("192.168.1.10"), .gateway = ip("192.168.1.1")};
  uplink.pcp = uplink.nat_pmp = uplink.upnp = absent();
  facts.uplinks = {uplink};
  facts.servers = {{.address = "rv:15443", .state = "up", .up = true, .seen_as = SocketAddress{ip("25.1.0.2"), 4711}}};
  facts.hops = {ip("192.168.1.1"), ip("25.1.0.254")};
  return facts;
}

CandidateFacts candidate(const char* address, const char* method, std::optional<std::string> code) {
  return {.candidate = {.number = 1, .external = *SocketAddress::parse(address), .method = method, .local = {}},
          .live = code && code->empty(),
          .code = std::move(code)};
}

bool finds(const Diagnosis& diagnosis, Reason code) {
  for (const Finding& each : diagnosis.findings) {
    if (each.code == code && !each.evidence.empty()) return true;
  }
  return false;
}

TEST_CASE("a gateway that maps, reached from outside") {
  ProbeFacts facts = home();
  facts.uplinks[0].pcp = mapped("25.1.0.2");
  facts.candidates = {candidate("25.1.0.2:40000", "pcp", "")};
  const Diagnosis found = diagnose(facts);
  CHECK(found.path == PathKind::direct);
  CHECK(found.nat == NatKind::nat);
  CHECK(found.gateway == "192.168.1.1");
  CHECK(found.seen_from_outside == "25.1.0.2");
  CHECK(found.findings.empty());
}

TEST_CASE("no gateway protocol") {
  const Diagnosis found = diagnose(home());
  CHECK(found.path == PathKind::relay);
  CHECK(found.nat == NatKind::nat);
  REQUIRE(found.findings.size() == 1);
  CHECK(found.findings[0].code == Reason::no_port_mapping);
}

TEST_CASE("a carrier's NAT, by the gateway's own word or by the router behind it") {
  ProbeFacts told = home();
  told.uplinks[0].pcp.facts.external = ip("100.64.0.2");
  CHECK(diagnose(told).nat == NatKind::cgnat);
  CHECK(diagnose(told).findings.front().code == Reason::cgnat);
  ProbeFacts traced = home();
  traced.uplinks[0].upnp = failed(GatewayFailure::wan_down);
  traced.hops = {ip("192.168.1.1"), ip("100.64.0.1")};
  const Diagnosis found = diagnose(traced);
  CHECK(found.nat == NatKind::cgnat);
  CHECK(found.findings.front().code == Reason::cgnat);
  CHECK(finds(found, Reason::gateway_wan_down));
}

TEST_CASE("a second router") {
  ProbeFacts facts = home();
  facts.hops = {ip("192.168.1.1"), std::nullopt, ip("10.0.0.1")};
  CHECK(diagnose(facts).nat == NatKind::double_nat);
  facts = home();
  facts.uplinks[0].nat_pmp.facts.external = ip("10.0.0.2");
  CHECK(diagnose(facts).nat == NatKind::double_nat);
  CHECK(diagnose(facts).findings.front().code == Reason::double_nat);
}

TEST_CASE("an inner router means nothing where the gateway has the address that the world sees") {
  ProbeFacts facts = home();
  facts.uplinks[0].pcp = mapped("25.1.0.2");
  facts.hops = {ip("192.168.1.1"), ip("10.9.9.9")};
  CHECK(diagnose(facts).nat == NatKind::nat);
}

TEST_CASE("a gateway that lies, in either way") {
  ProbeFacts elsewhere = home();
  elsewhere.uplinks[0].upnp = mapped("25.9.9.9");
  elsewhere.candidates = {candidate("25.9.9.9:40000", "upnp", "candidate_unproved")};
  CHECK(diagnose(elsewhere).findings.front().code == Reason::gateway_lies);
  CHECK(diagnose(elsewhere).path == PathKind::relay);
  ProbeFacts dead = home();
  dead.uplinks[0].upnp = mapped("25.1.0.2");
  dead.candidates = {candidate("25.1.0.2:40000", "upnp", "verify_failed")};
  CHECK(diagnose(dead).findings.front().code == Reason::mapping_unreachable);
}

TEST_CASE("a public host behind a firewall") {
  ProbeFacts facts = home();
  facts.uplinks[0].uplink.local = ip("25.1.0.2");
  facts.candidates = {candidate("25.1.0.2:40000", "host", "verify_failed")};
  const Diagnosis found = diagnose(facts);
  CHECK(found.nat == NatKind::none);
  REQUIRE(found.findings.size() == 1);
  CHECK(found.findings[0].code == Reason::address_unreachable);
}

TEST_CASE("nobody to talk to") {
  ProbeFacts facts = home();
  facts.servers = {{.address = "rv:15443", .state = "waiting", .error = Error{Reason::connect_refused, "refused"}}};
  const Diagnosis found = diagnose(facts);
  CHECK(found.path == PathKind::none);
  CHECK(found.nat == NatKind::unknown);
  CHECK(found.findings.front().code == Reason::no_rendezvous);
  CHECK(found.findings.front().evidence.find("connect_refused") != std::string::npos);
  facts.uplinks.clear();
  CHECK(finds(diagnose(facts), Reason::no_default_route));
}

TEST_CASE("switched off, refused, in conflict") {
  ProbeFacts off = home();
  off.protocols.clear();
  CHECK(finds(diagnose(off), Reason::mapping_off));
  off.uplinks.clear();  // nobody looks for a way out then
  CHECK(finds(diagnose(off), Reason::mapping_off));
  CHECK_FALSE(finds(diagnose(off), Reason::no_default_route));
  ProbeFacts deaf = home();
  deaf.uplinks.clear();
  deaf.listens = false;
  CHECK(finds(diagnose(deaf), Reason::mapping_off));
  ProbeFacts refused = home();
  refused.uplinks[0].upnp = failed(GatewayFailure::refused);
  refused.uplinks[0].pcp = failed(GatewayFailure::conflict);
  const Diagnosis found = diagnose(refused);
  CHECK(finds(found, Reason::mapping_refused));
  CHECK(finds(found, Reason::mapping_conflict));
  CHECK_FALSE(finds(found, Reason::no_port_mapping));
}

TEST_CASE("a protocol is named once") {
  ProbeFacts facts = home();
  facts.uplinks[0].upnp = failed(GatewayFailure::refused);
  for (const char* detail : {"UPnP: HttpError", "HttpError"}) {
    facts.uplinks[0].upnp.error->detail = detail;
    const Diagnosis found = diagnose(facts);
    const auto finding = std::find_if(found.findings.begin(), found.findings.end(),
                                      [](const Finding& each) { return each.code == Reason::mapping_refused; });
    REQUIRE(finding != found.findings.end());
    CHECK(finding->evidence == "UPnP: HttpError");
  }
}

TEST_CASE("both renderings say path, NAT and next step, whatever is known") {
  for (ProbeFacts facts : {home(), ProbeFacts{}}) {
    facts.candidates = {candidate("25.1.0.2:40000", "upnp", std::nullopt)};
    const Diagnosis found = diagnose(facts);
    const std::string json = render_json(facts, found);
    for (const char* key : {"\"path\":", "\"nat\":", "\"gateway\":", "\"protocols\":{\"pcp\":{",
                            "\"seen_from_outside\":", "\"reasons\":[", "\"next_step\":"}) {
      CAPTURE(key);
      CHECK(json.find(key) != std::string::npos);
    }
    CHECK(render_text(facts, found).find("next step") != std::string::npos);
  }
}

TEST_CASE("a gateway that claims its provider's address is not believed once nothing arrives") {
  ProbeFacts facts = home();
  facts.uplinks[0].upnp = mapped("25.1.0.2");
  facts.candidates = {candidate("25.1.0.2:40000", "upnp", "verify_failed")};
  CHECK(diagnose(facts).nat == NatKind::nat);  // a firewall, for all that is known
  facts.hops = {ip("192.168.1.1"), ip("100.64.0.1")};
  Diagnosis found = diagnose(facts);
  CHECK(found.nat == NatKind::cgnat);
  CHECK(found.findings.front().code == Reason::cgnat);
  CHECK(found.findings.front().evidence.find("100.64.0.1") != std::string::npos);
  CHECK(finds(found, Reason::mapping_unreachable));
  facts.hops = {ip("192.168.1.1"), ip("10.0.0.1")};
  CHECK(diagnose(facts).findings.front().code == Reason::double_nat);
  facts.candidates = {candidate("25.1.0.2:40000", "upnp", std::nullopt)};
  CHECK(diagnose(facts).nat == NatKind::nat);  // not dialled yet: providers have private routers, too
}

TEST_CASE("an address that was not dialled was not dialled in vain") {
  ProbeFacts facts = home();
  facts.uplinks[0].upnp = mapped("25.1.0.2");
  facts.hops = {ip("192.168.1.1"), ip("100.64.0.1")};
  for (const Reason why : {Reason::verify_busy, Reason::candidate_unproved, Reason::verify_targets_max}) {
    facts.candidates = {candidate("25.1.0.2:40000", "upnp", std::string(reason_code(why)))};
    const Diagnosis found = diagnose(facts);
    CHECK(found.nat == NatKind::nat);
    CHECK(found.findings.front().code == why);
    CHECK(found.findings.front().evidence.find("was not dialled from outside") != std::string::npos);
    CHECK_FALSE(finds(found, Reason::mapping_unreachable));
  }
}

TEST_CASE("no state that is not direct is without a reason") {
  ProbeFacts facts = home();
  facts.uplinks[0].upnp.state = ProtocolReport::State::mapped;  // without an outside address, so nothing is offered
  CHECK(diagnose(facts).findings.front().code == Reason::mapping_pending);
  facts.uplinks[0].problem = Reason::gateway_wan_down;
  CHECK(diagnose(facts).findings.front().code == Reason::gateway_wan_down);
  facts.candidates = {candidate("25.1.0.2:40000", "upnp", std::nullopt)};
  CHECK(diagnose(facts).findings.front().code == Reason::verifying);
}

}  // namespace
}  // namespace fairlead::agent
