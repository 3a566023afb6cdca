#include <fmt/format.h>

#include "agent/probe/report.h"
#include "common/base/json_writer.h"

namespace fairlead::agent {
namespace {

constexpr std::string_view kNatNames[] = {"none", "nat", "double_nat", "cgnat", "unknown"};
constexpr std::string_view kPathNames[] = {"direct", "relay", "none"};
constexpr std::string_view kStateNames[] = {"off", "looking", "absent", "present", "mapped", "failed"};

template <class E, std::size_t N>
std::string_view name_of(E value, const std::string_view (&names)[N]) {
  return names[static_cast<std::size_t>(value)];
}

void write_protocol(JsonWriter& json, std::string_view name, const nat::ProtocolReport& report) {
  json.key(name).begin_object().field("state", name_of(report.state, kStateNames));
  json.field("version", report.facts.version).field("model", report.facts.model);
  json.field("external", report.facts.external ? report.facts.external->to_string() : "");
  json.field("error", report.error ? nat::failure_name(report.error->failure) : "");
  json.field("detail", report.error ? report.error->detail : "").end_object();
}

void write_protocols(JsonWriter& json, const nat::UplinkReport& uplink) {
  json.key("protocols").begin_object();
  write_protocol(json, "pcp", uplink.pcp);
  write_protocol(json, "nat_pmp", uplink.nat_pmp);
  write_protocol(json, "upnp", uplink.upnp);
  json.end_object();
}

const nat::UplinkReport& first_uplink(const ProbeFacts& facts) {
  static const nat::UplinkReport none;
  for (const nat::UplinkReport& each : facts.uplinks) {
    if (each.uplink.local.is_v4()) return each;
  }
  return facts.uplinks.empty() ? none : facts.uplinks.front();
}

std::string protocol_line(std::string_view name, const nat::ProtocolReport& report) {
  std::string out = fmt::format("{:<10}{}", name, name_of(report.state, kStateNames));
  if (!report.facts.version.empty()) out += ", version " + report.facts.version;
  if (report.facts.external) out += ", outside address " + report.facts.external->to_string();
  if (!report.facts.model.empty()) out += ", " + report.facts.model;
  if (report.error) out += fmt::format(" ({}: {})", nat::failure_name(report.error->failure), report.error->detail);
  return out + "\n";
}

}  // namespace

std::string render_json(const ProbeFacts& facts, const Diagnosis& diagnosis) {
  JsonWriter json;
  json.begin_object()
      .field("path", name_of(diagnosis.path, kPathNames))
      .field("nat", name_of(diagnosis.nat, kNatNames));
  json.field("gateway", diagnosis.gateway);
  write_protocols(json, first_uplink(facts));
  json.field("seen_from_outside", diagnosis.seen_from_outside);
  json.key("candidates").begin_array();
  for (const CandidateFacts& each : facts.candidates) {
    json.begin_object().field("address", each.candidate.external.to_string()).field("method", each.candidate.method);
    json.field("state", each.live ? "live" : each.code ? "down" : "verifying").field("reason", each.code.value_or(""));
    json.end_object();
  }
  json.end_array().key("uplinks").begin_array();
  for (const nat::UplinkReport& each : facts.uplinks) {
    json.begin_object().field("interface", each.uplink.interface).field("address", each.uplink.local.to_string());
    json.field("gateway", each.uplink.gateway.to_string());
    write_protocols(json, each);
    json.end_object();
  }
  json.end_array().key("rendezvous").begin_array();
  for (const ServerFacts& each : facts.servers) {
    json.begin_object().field("address", each.address).field("state", each.state);
    json.field("seen_as", each.seen_as ? each.seen_as->to_string() : "");
    json.field("reason", each.error ? reason_code(each.error->reason) : "");
    json.field("detail", each.error ? each.error->detail : "").end_object();
  }
  json.end_array().key("reasons").begin_array();
  for (const Finding& each : diagnosis.findings) {
    json.begin_object().field("code", reason_code(each.code)).field("evidence", each.evidence);
    json.field("next_step", reason_text(each.code).next_step).end_object();
  }
  json.end_array().field("hairpin", "not_probed");
  return json.end_object().take() + "\n";
}

std::string render_text(const ProbeFacts& facts, const Diagnosis& diagnosis) {
  static constexpr std::string_view kMeaning[] = {
      "direct: mesh clients reach this host at its public address",
      "relay: mesh clients reach this host through the rendezvous",
      "none: services here cannot be reached now",
  };
  const nat::UplinkReport& uplink = first_uplink(facts);
  std::string out = fmt::format("{:<10}{}\n", "path", name_of(diagnosis.path, kMeaning));
  out += fmt::format("{:<10}{}\n", "nat", name_of(diagnosis.nat, kNatNames));
  out += fmt::format("{:<10}{} on {}\n", "gateway", diagnosis.gateway.empty() ? "none" : diagnosis.gateway,
                     uplink.uplink.interface.empty() ? "no interface" : uplink.uplink.interface);
  out +=
      protocol_line("pcp", uplink.pcp) + protocol_line("nat_pmp", uplink.nat_pmp) + protocol_line("upnp", uplink.upnp);
  out += fmt::format("{:<10}{}\n", "seen as",
                     diagnosis.seen_from_outside.empty() ? "unknown" : diagnosis.seen_from_outside);
  for (const CandidateFacts& each : facts.candidates) {
    out += fmt::format("{:<10}{} by {}: {}\n", "address", each.candidate.external.to_string(), each.candidate.method,
                       each.live   ? "reached from outside"
                       : each.code ? *each.code
                                   : "not dialled yet");
  }
  for (const ServerFacts& each : facts.servers) {
    out += fmt::format(
        "{:<10}{} {}{}\n", "server", each.address, each.state,
        each.up || !each.error ? "" : fmt::format(" ({}: {})", reason_code(each.error->reason), each.error->detail));
  }
  out += fmt::format("{:<10}not probed (some routers take it for an attack)\n", "hairpin");
  for (const Finding& each : diagnosis.findings) {
    out += fmt::format("\n{}: {}\n  evidence   {}\n  next step  {}\n", reason_code(each.code),
                       reason_text(each.code).cause, each.evidence, reason_text(each.code).next_step);
  }
  return out;
}

}  // namespace fairlead::agent
