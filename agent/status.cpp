#include "agent/status.h"

#include <fmt/format.h>

#include "common/base/json_writer.h"
#include "common/base/version.h"
#include "common/tls/time_text.h"

namespace fairlead::agent {
namespace {

void write_counts(JsonWriter& json, std::string_view name, const ReasonCounters& counts) {
  json.key(name).begin_object();
  for (std::size_t i = 0; i < reason_count(); ++i) {
    const auto reason = static_cast<Reason>(i);
    if (counts.get(reason) > 0) json.field(reason_code(reason), counts.get(reason));
  }
  json.end_object();
}

void write_services(JsonWriter& json, const std::vector<ServiceReport>& services) {
  json.key("services").begin_array();
  for (const ServiceReport& each : services) {
    json.begin_object().field("name", each.name).field("path", each.path).field("address", each.address);
    json.field("since", tls::time_text(each.since)).field("reason", each.reason).field("detail", each.detail);
    json.key("refused_names").begin_array();
    for (const std::string& name : each.refused_names) json.value(name);
    json.end_array().end_object();
  }
  json.end_array();
}

// What calls go by is the relay, as long as it listens.
std::string_view path_of(const EgressReport& egress) {
  return egress.problem ? "down" : "relay";
}

// What is wrong with it, if anything is.
std::optional<Error> complaint_of(const EgressReport& port) {
  if (port.problem || !port.failure) return port.problem;
  return port.failure->why;
}

void write_port(JsonWriter& json, const EgressReport& port) {
  json.field("listen", port.listen).field("path", path_of(port));
  json.field("connections", static_cast<std::uint64_t>(port.connections));
  const auto complaint = complaint_of(port);
  json.field("reason", complaint ? reason_code(complaint->reason) : "");
  json.field("detail", complaint ? complaint->detail : "");
}

std::string port_text(std::string_view what, const EgressReport& port) {
  std::string out = fmt::format("{} at {} {}, connections {}", what, port.listen, path_of(port), port.connections);
  const auto complaint = complaint_of(port);
  return out + (complaint ? fmt::format(" ({}: {})\n", reason_code(complaint->reason), complaint->detail) : "\n");
}

void write_egress(JsonWriter& json, const std::vector<EgressReport>& egress) {
  json.key("egress").begin_array();
  for (const EgressReport& each : egress) {
    json.begin_object().field("name", each.name);
    write_port(json, each);
    json.end_object();
  }
  json.end_array();
}

void write_limit(JsonWriter& json, std::string_view name, std::size_t used, std::size_t max) {
  json.key(name).begin_object().field("used", static_cast<std::uint64_t>(used));
  json.field("max", static_cast<std::uint64_t>(max)).end_object();
}

}  // namespace

std::string render_json(const ServiceReport& service) {
  JsonWriter json;
  json.begin_object().field("name", service.name).field("path", service.path).field("address", service.address);
  return json.end_object().take() + "\n";
}

std::string render_text(const ServiceReport& service) {
  return fmt::format("{} {} {}\n", service.name, service.path, service.address);
}

std::string render_json(const StatusReport& report) {
  JsonWriter json;
  json.begin_object().field("version", FAIRLEAD_VERSION).field("started", tls::time_text(report.started));
  json.key("identity").begin_object().field("id", report.spiffe_id);
  json.field("not_after", tls::time_text(report.not_after)).end_object();
  write_services(json, report.services);
  json.key("rendezvous").begin_array();
  for (const RendezvousReport& each : report.rendezvous) {
    json.begin_object().field("address", each.address).field("state", each.state);
    json.field("since", tls::time_text(each.since));
    json.key("channels").begin_object().field("ready", static_cast<std::uint64_t>(each.channels_ready));
    json.field("busy", static_cast<std::uint64_t>(each.channels_busy)).end_object();
    json.field("reason", each.reason).field("detail", each.detail).end_object();
  }
  json.end_array();
  write_egress(json, report.egress);
  if (report.proxy) {
    json.key("proxy").begin_object();
    write_port(json, *report.proxy);
    json.end_object();
  }
  json.key("mappings").begin_array();
  for (const nat::MappingReport& each : report.mappings) {
    json.begin_object().field("protocol", each.protocol).field("gateway", each.gateway);
    json.field("interface", each.interface).field("external", each.external).field("internal", each.internal);
    json.field("lifetime", static_cast<std::int64_t>(each.lifetime.count())).field("verified", each.verified);
    json.field("since", tls::time_text(each.since)).end_object();
  }
  json.end_array();
  json.key("limits").begin_object();
  write_limit(json, "relays_max", report.relays, report.relays_max);
  if (report.memory_max != 0) write_limit(json, "memory", report.memory_used, report.memory_max);
  json.end_object();
  write_counts(json, "closed", report.counters.closed);
  write_counts(json, "refused", report.counters.refused);
  json.key("log").begin_object().field("lines_lost", report.log.lines_lost);
  json.field("lines_left_out", report.log.lines_left_out).end_object();
  json.key("problems");
  write_problems(json, report.problems);
  return json.end_object().take() + "\n";
}

std::string render_text(const StatusReport& report) {
  std::string out = fmt::format("fairlead-agent {}, since {}\nidentity  {} (until {})\n", FAIRLEAD_VERSION,
                                tls::time_text(report.started), report.spiffe_id, tls::time_text(report.not_after));
  if (report.memory_max != 0) {
    out += fmt::format("memory    {} of {} KiB set aside, relays {}\n", report.memory_used / 1024,
                       report.memory_max / 1024, report.relays);
  }
  for (const ServiceReport& each : report.services) {
    out += fmt::format("service   {} {} {} since {}", each.name, each.path, each.address, tls::time_text(each.since));
    out += each.reason.empty() ? "\n" : fmt::format(" ({}: {})\n", each.reason, each.detail);
    for (const std::string& name : each.refused_names) out += fmt::format("          without {}\n", name);
  }
  for (const EgressReport& each : report.egress) out += port_text("egress    " + each.name, each);
  if (report.proxy) out += port_text("proxy    ", *report.proxy);
  for (const nat::MappingReport& each : report.mappings) {
    out += fmt::format("mapping   {} {} -> {} for {} s by {}, {}\n", each.protocol, each.external, each.internal,
                       each.lifetime.count(), each.gateway, each.verified ? "verified" : "not verified");
  }
  for (const RendezvousReport& each : report.rendezvous) {
    out += fmt::format("server    {} {} since {}, channels {} ready {} busy", each.address, each.state,
                       tls::time_text(each.since), each.channels_ready, each.channels_busy);
    out += each.reason.empty() ? "\n" : fmt::format(" ({}: {})\n", each.reason, each.detail);
  }
  return out + problems_text(report.problems);
}

}  // namespace fairlead::agent
