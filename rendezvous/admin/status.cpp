#include "rendezvous/admin/status.h"

#include <fmt/format.h>

#include "common/base/json_writer.h"
#include "common/base/version.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::chrono::hours kRenewSoon{24 * 7};
constexpr std::size_t kNearlyFull = 90;  // per cent

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void write_counts(JsonWriter& json, std::string_view name, const std::vector<ReasonCount>& counts) {
  json.key(name).begin_object();
  for (const ReasonCount& each : counts) json.field(reason_code(each.reason), each.count);
  json.end_object();
}

struct EndpointState {
  std::string_view state;
  std::string_view reason;
};

EndpointState state_of(const Endpoint& endpoint, TimePoint now) {
  if (endpoint.carrier->ended()) return {"down", reason_code(Reason::session_ended)};
  if (endpoint.load->is_set_aside(now)) return {"down", reason_code(endpoint.load->last_failure())};
  return {"live", ""};
}

std::string_view state_name(DirectEndpoint::State state) {
  switch (state) {
    case DirectEndpoint::State::verifying:
      return "verifying";
    case DirectEndpoint::State::live:
      return "live";
    case DirectEndpoint::State::down:
      break;
  }
  return "down";
}

// One way to one endpoint: what a client that wants to reach it may try, in this order.
struct PathRow {
  const Endpoint& endpoint;
  std::string_view path;
  std::string address;
  std::string_view method;  // of a direct one
  std::string_view state;
  WallTime since;
  std::string_view reason;
};

std::vector<PathRow> paths_of(const ListedEndpoint& listed, const StatusReport& view) {
  const Endpoint& endpoint = *listed.endpoint;
  const EndpointState relayed = state_of(endpoint, view.now_steady);
  const std::string relay = view.public_addresses.empty() ? "" : view.public_addresses.front();
  std::vector<PathRow> rows;
  for (const Way& way : listed.ways->all()) {
    if (way.kind == Way::Kind::relay) {
      rows.push_back({endpoint, "relay", relay, "", relayed.state, endpoint.since, relayed.reason});
    } else {
      const DirectEndpoint& to = way.direct;
      rows.push_back(
          {endpoint, "direct", to.address.to_string(), to.method, state_name(to.state), to.since, to.reason});
    }
  }
  return rows;
}

std::string summary_json(const StatusReport& view) {
  JsonWriter json;
  json.begin_object().field("version", FAIRLEAD_VERSION).field("started", format_time(view.started));
  json.field("instance", view.instance).field("state", view.state);
  json.key("identity").begin_object().field("id", view.spiffe_id);
  json.field("not_after", format_time(view.not_after)).end_object();
  json.key("limits").begin_object();
  for (const LimitUse& limit : view.limits) {
    json.key(limit.name).begin_object();
    json.field("used", static_cast<std::uint64_t>(limit.used)).field("max", static_cast<std::uint64_t>(limit.max));
    json.end_object();
  }
  json.end_object();
  json.key("agents").begin_object().field("total", static_cast<std::uint64_t>(view.registry.agents));
  json.field("takeovers", view.registry.takeovers).field("duplicates_refused", view.registry.duplicates_refused);
  json.end_object();
  json.key("services").begin_object().field("total", static_cast<std::uint64_t>(view.registry.services));
  json.field("endpoints", static_cast<std::uint64_t>(view.registry.endpoints)).end_object();
  json.key("relays").begin_object().field("live", static_cast<std::uint64_t>(view.relays_live));
  json.field("total", view.relays_total).field("bytes_in", view.bytes_in).field("bytes_out", view.bytes_out);
  json.end_object();
  write_counts(json, "closed", view.closed);
  write_counts(json, "refused", view.refused);
  json.key("log").begin_object().field("lines_lost", view.log.lines_lost);
  json.field("lines_left_out", view.log.lines_left_out).end_object();
  json.key("problems").begin_array();
  for (const std::string& problem : find_problems(view)) json.value(problem);
  return json.end_array().end_object().take() + "\n";
}

std::string summary_text(const StatusReport& view) {
  std::string out =
      fmt::format("fairlead-rendezvous {}, {} since {}\n", FAIRLEAD_VERSION, view.state, format_time(view.started));
  out += fmt::format("identity  {} (until {})\n", view.spiffe_id, format_time(view.not_after));
  out += fmt::format("agents    {}\n", view.registry.agents);
  out += fmt::format("services  {} ({} endpoints)\n", view.registry.services, view.registry.endpoints);
  out += fmt::format("relays    {} live, {} in all, {} bytes in, {} bytes out\n", view.relays_live, view.relays_total,
                     view.bytes_in, view.bytes_out);
  const auto counts = [&](std::string_view title, const std::vector<ReasonCount>& list) {
    if (list.empty()) return;
    out += fmt::format("{}\n", title);
    for (const ReasonCount& each : list) out += fmt::format("  {:<26} {}\n", reason_code(each.reason), each.count);
  };
  counts("closed", view.closed);
  counts("refused", view.refused);
  const auto problems = find_problems(view);
  out += problems.empty() ? "no problems\n" : "problems\n";
  for (const std::string& problem : problems) out += fmt::format("  {}\n", problem);
  return out;
}

}  // namespace

std::vector<std::string> find_problems(const StatusReport& view) {
  std::vector<std::string> out;
  if (view.not_after <= view.now) {
    out.push_back(fmt::format("certificate_expired: the server's own certificate ended {}; agents cannot connect",
                              format_time(view.not_after)));
  } else if (view.not_after - view.now < kRenewSoon) {
    out.push_back(fmt::format("certificate_expires: the server's own certificate ends {}; renew it",
                              format_time(view.not_after)));
  }
  for (const Error& each : view.standing) {
    out.push_back(fmt::format("{}: {}", reason_code(each.reason), each.detail));
  }
  if (view.log.lines_lost > 0) {
    out.push_back(fmt::format("lines_lost: {} log lines found no reader in time", view.log.lines_lost));
  }
  for (const LimitUse& limit : view.limits) {
    if (limit.max == 0 || limit.used * 100 < limit.max * kNearlyFull) continue;
    out.push_back(fmt::format("{}: {} of {} in use", limit.name, limit.used, limit.max));
  }
  for (const SessionSummary& session : view.sessions) {
    if (session.duplicates_refused == 0) continue;
    out.push_back(
        fmt::format("duplicate_identity: {} as {}: {} newcomers with the same identity were refused; "
                    "a cloned image? give each host its own key and name",
                    session.spiffe_id, session.endpoint, session.duplicates_refused));
  }
  for (const ListedEndpoint& each : view.endpoints) {
    const EndpointState state = state_of(*each.endpoint, view.now_steady);
    if (state.state == "live") continue;
    out.push_back(fmt::format("{}: {}.{} is set aside", state.reason, each.endpoint->name, each.endpoint->service));
  }
  return out;
}

std::string render_summary(const StatusReport& view, AnswerForm form) {
  return form == AnswerForm::json ? summary_json(view) : summary_text(view);
}

std::string render_agents(const StatusReport& view, AnswerForm form) {
  if (form == AnswerForm::text) {
    std::string out = fmt::format("{:<48} {:<16} {:<22} {:<20} services\n", "agent", "name", "address", "since");
    for (const SessionSummary& each : view.sessions) {
      std::string services;
      for (const EndpointPtr& endpoint : each.services) services += (services.empty() ? "" : ",") + endpoint->service;
      out += fmt::format("{:<48} {:<16} {:<22} {:<20} {}\n", each.spiffe_id, each.endpoint, each.about.peer.to_string(),
                         format_time(each.since), services);
    }
    return out;
  }
  JsonWriter json;
  json.begin_object().key("agents").begin_array();
  for (const SessionSummary& each : view.sessions) {
    const CarrierLoad load = each.session->load();
    json.begin_object().field("id", each.spiffe_id).field("name", each.endpoint).field("cluster", each.cluster);
    json.field("version", each.about.software).field("since", format_time(each.since));
    json.field("rtt", seconds(load.rtt)).field("address", each.about.peer.to_string());
    json.field("channels_ready", static_cast<std::uint64_t>(load.channels_ready));
    json.field("relays", static_cast<std::uint64_t>(load.relays));
    json.field("duplicates_refused", each.duplicates_refused);
    json.key("services").begin_array();
    for (const EndpointPtr& endpoint : each.services) json.value(endpoint->service);
    json.end_array().end_object();
  }
  return json.end_array().end_object().take() + "\n";
}

std::string render_services(const StatusReport& view, AnswerForm form) {
  std::string out = fmt::format("{:<32} {:<16} {:<7} {:<22} {:<9} {:<20} reason\n", "service", "endpoint", "path",
                                "address", "state", "since");
  JsonWriter json;
  json.begin_object().key("services").begin_array();
  for (const ListedEndpoint& listed : view.endpoints) {
    const Endpoint& endpoint = *listed.endpoint;
    for (const PathRow& row : paths_of(listed, view)) {
      out += fmt::format("{:<32} {:<16} {:<7} {:<22} {:<9} {:<20} {}\n", endpoint.service, endpoint.name, row.path,
                         row.address, row.state, format_time(row.since), row.reason);
      json.begin_object().field("service", endpoint.service).field("endpoint", endpoint.name);
      json.field("path", row.path).field("address", row.address).field("method", row.method);
      json.field("state", row.state).field("since", format_time(row.since)).field("reason", row.reason);
      json.field("relays", static_cast<std::uint64_t>(endpoint.load->live()));
      json.field("failures", static_cast<std::uint64_t>(endpoint.load->failures())).end_object();
    }
  }
  if (form == AnswerForm::text) return out;
  return json.end_array().end_object().take() + "\n";
}

std::string render_relays(const StatusReport& view, AnswerForm form) {
  if (form == AnswerForm::text) {
    std::string out = fmt::format("{:<32} {:<24} {:<16} {:<22} seconds\n", "conn", "service", "endpoint", "peer");
    for (const RelaySummary& each : view.relays) {
      out += fmt::format("{:<32} {:<24} {:<16} {:<22} {:.1f}\n", each.conn, each.service, each.endpoint, each.peer,
                         seconds(view.now_steady - each.since));
    }
    return out;
  }
  JsonWriter json;
  json.begin_object().key("relays").begin_array();
  for (const RelaySummary& each : view.relays) {
    json.begin_object().field("conn", each.conn).field("service", each.service).field("endpoint", each.endpoint);
    json.field("peer", each.peer).field("duration", seconds(view.now_steady - each.since)).end_object();
  }
  return json.end_array().end_object().take() + "\n";
}

}  // namespace fairlead::rendezvous
