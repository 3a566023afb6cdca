#include "agent/probe/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/ip_scope.h"

namespace fairlead::agent {
namespace {

using nat::GatewayFailure;
using nat::ProtocolReport;
using nat::UplinkReport;

struct NamedProtocol {
  std::string_view name;
  const ProtocolReport& report;
};

std::vector<NamedProtocol> protocols_of(const UplinkReport& uplink) {
  return {{"PCP", uplink.pcp}, {"NAT-PMP", uplink.nat_pmp}, {"UPnP", uplink.upnp}};
}

// NAT is a question of IPv4; a host with IPv6 alone is judged by that.
const UplinkReport* judged_uplink(const ProbeFacts& facts) {
  const auto at = std::find_if(facts.uplinks.begin(), facts.uplinks.end(),
                               [](const UplinkReport& each) { return each.uplink.local.is_v4(); });
  if (at != facts.uplinks.end()) return &*at;
  return facts.uplinks.empty() ? nullptr : &facts.uplinks.front();
}

std::optional<IpAddress> seen_address(const ProbeFacts& facts, const UplinkReport* uplink) {
  for (const ServerFacts& server : facts.servers) {
    if (!server.seen_as) continue;
    if (uplink == nullptr || server.seen_as->ip.is_v4() == uplink->uplink.local.is_v4()) return server.seen_as->ip;
  }
  return std::nullopt;
}

std::optional<IpAddress> external_address(const UplinkReport& uplink) {
  for (const NamedProtocol& each : protocols_of(uplink)) {
    const auto& external = each.report.facts.external;
    if (external && scope_of(*external) != IpScope::unspecified) return external;
  }
  return std::nullopt;
}

// A router beyond the gateway that no provider of public addresses would have there.
std::optional<IpAddress> inner_hop(const ProbeFacts& facts, IpScope scope) {
  for (std::size_t i = 1; i < facts.hops.size(); ++i) {
    if (facts.hops[i] && scope_of(*facts.hops[i]) == scope) return facts.hops[i];
  }
  return std::nullopt;
}

// Other verdicts say why it was not dialled at all.
bool in_vain(const CandidateFacts& candidate) {
  return !candidate.live && candidate.code == reason_code(Reason::verify_failed);
}

bool dialled_in_vain(const ProbeFacts& facts) {
  return std::any_of(facts.candidates.begin(), facts.candidates.end(),
                     [](const CandidateFacts& each) { return in_vain(each) && each.candidate.method != "host"; });
}

struct NatVerdict {
  NatKind kind;
  std::string evidence;
};

NatVerdict judge_nat(const ProbeFacts& facts, const UplinkReport& uplink, const std::optional<IpAddress>& seen) {
  if (seen && *seen == uplink.uplink.local) return {NatKind::none, ""};
  const auto external = external_address(uplink);
  // What the gateway claims holds until a dial from outside came to nothing: some say their provider's address.
  if (external && external == seen && !dialled_in_vain(facts)) return {NatKind::nat, ""};
  const auto says = [&] { return fmt::format("the gateway's own outside address is {}", external->to_string()); };
  if (external && scope_of(*external) == IpScope::shared) return {NatKind::cgnat, says()};
  if (external && scope_of(*external) == IpScope::private_use) return {NatKind::double_nat, says()};
  const auto beyond = [](const IpAddress& hop) {
    return fmt::format("the router behind the gateway is {}", hop.to_string());
  };
  if (const auto hop = inner_hop(facts, IpScope::shared)) return {NatKind::cgnat, beyond(*hop)};
  if (const auto hop = inner_hop(facts, IpScope::private_use)) return {NatKind::double_nat, beyond(*hop)};
  return {seen ? NatKind::nat : NatKind::unknown, ""};
}

void find_server_troubles(const ProbeFacts& facts, Diagnosis& out) {
  std::string evidence;
  for (const ServerFacts& server : facts.servers) {
    if (server.up) return;
    const std::string why = server.error
                                ? fmt::format("{} ({})", reason_code(server.error->reason), server.error->detail)
                                : "no answer yet";
    evidence += fmt::format("{}{}: {}", evidence.empty() ? "" : "; ", server.address, why);
  }
  out.findings.push_back({Reason::no_rendezvous, evidence.empty() ? "none is configured" : evidence});
}

Finding switched_off(const ProbeFacts& facts) {
  return {Reason::mapping_off,
          facts.listens ? "[nat] mapping = \"off\"" : "[nat] listen = []: no port of the agent's own"};
}

void find_mapping_troubles(const ProbeFacts& facts, const UplinkReport& uplink, Diagnosis& out) {
  if (facts.protocols.empty()) return out.findings.push_back(switched_off(facts));
  std::string silent;
  bool answered = false;
  for (const NamedProtocol& each : protocols_of(uplink)) {
    if (each.report.state == ProtocolReport::State::off) continue;
    if (each.report.state == ProtocolReport::State::mapped) answered = true;
    const auto& error = each.report.error;
    if (error && error->failure != GatewayFailure::absent) {
      answered = true;
      const Reason code = reason_of(error->failure);
      const bool known = std::any_of(out.findings.begin(), out.findings.end(),
                                     [&](const Finding& finding) { return finding.code == code; });
      // Most details of a protocol name it.
      const bool named = error->detail.starts_with(each.name);
      if (!known)
        out.findings.push_back({code, named ? error->detail : fmt::format("{}: {}", each.name, error->detail)});
    } else if (each.report.state == ProtocolReport::State::absent) {
      silent += fmt::format("{}{}: no answer", silent.empty() ? "" : "; ", each.name);
    } else {
      answered = true;
    }
  }
  if (!answered) out.findings.push_back({Reason::no_port_mapping, silent});
}

// What the outside says of an address that a gateway granted or that is this host's own.
void find_candidate_troubles(const ProbeFacts& facts, const std::optional<IpAddress>& seen, Diagnosis& out) {
  for (const CandidateFacts& each : facts.candidates) {
    if (each.live) continue;
    const std::string address = each.candidate.external.to_string();
    const bool own = each.candidate.method == "host";
    const bool elsewhere =
        seen && seen->is_v4() == each.candidate.external.ip.is_v4() && *seen != each.candidate.external.ip;
    if (elsewhere && !own) {
      const auto evidence =
          fmt::format("{} granted {}, but the rendezvous sees {}", each.candidate.method, address, seen->to_string());
      // Behind a second NAT the gateway may well be honest: the finding above names the cause.
      if (out.nat == NatKind::nat) out.findings.insert(out.findings.begin(), {Reason::gateway_lies, evidence});
      continue;
    }
    if (!each.code) continue;  // no verdict yet
    const auto evidence = fmt::format("{}: {} was {}dialled from outside: {}", each.candidate.method, address,
                                      in_vain(each) ? "" : "not ", *each.code);
    const Reason unreachable = own ? Reason::address_unreachable : Reason::mapping_unreachable;
    const bool explained = out.nat == NatKind::cgnat || out.nat == NatKind::double_nat;
    out.findings.insert(explained ? out.findings.end() : out.findings.begin(),
                        {in_vain(each) ? unreachable : find_reason(*each.code).value_or(unreachable), evidence});
  }
}

// No state that is not direct is without a reason.
void find_anything(const ProbeFacts& facts, const UplinkReport& uplink, Diagnosis& out) {
  if (!out.findings.empty()) return;
  if (!facts.candidates.empty()) {
    out.findings.push_back({Reason::verifying, facts.candidates.front().candidate.external.to_string()});
  } else if (uplink.problem) {
    out.findings.push_back({*uplink.problem, ""});
  } else {
    out.findings.push_back({Reason::mapping_pending, "gateway " + uplink.uplink.gateway.to_string()});
  }
}

}  // namespace

Diagnosis diagnose(const ProbeFacts& facts) {
  Diagnosis out;
  const UplinkReport* uplink = judged_uplink(facts);
  const auto seen = seen_address(facts, uplink);
  if (seen) out.seen_from_outside = seen->to_string();
  const bool up = std::any_of(facts.servers.begin(), facts.servers.end(), [](const auto& each) { return each.up; });
  const bool live =
      std::any_of(facts.candidates.begin(), facts.candidates.end(), [](const auto& each) { return each.live; });
  out.path = live ? PathKind::direct : up ? PathKind::relay : PathKind::none;
  if (!up) find_server_troubles(facts, out);
  if (uplink == nullptr && (facts.protocols.empty() || !facts.listens)) {
    out.findings.push_back(switched_off(facts));
    return out;
  }
  if (uplink == nullptr) {
    out.findings.push_back({Reason::no_default_route, "no interface that may be used has a default route"});
    return out;
  }
  const auto none = uplink->uplink.local.is_v4() ? IpAddress::v4({}) : IpAddress::v6({});
  if (uplink->uplink.gateway != none) out.gateway = uplink->uplink.gateway.to_string();
  const NatVerdict nat = judge_nat(facts, *uplink, seen);
  out.nat = nat.kind;
  if (live) return out;
  if (nat.kind == NatKind::cgnat) out.findings.push_back({Reason::cgnat, nat.evidence});
  if (nat.kind == NatKind::double_nat) out.findings.push_back({Reason::double_nat, nat.evidence});
  if (nat.kind != NatKind::none) find_mapping_troubles(facts, *uplink, out);
  find_candidate_troubles(facts, seen, out);
  find_anything(facts, *uplink, out);
  return out;
}

}  // namespace fairlead::agent
