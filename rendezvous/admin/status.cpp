#include "rendezvous/admin/status.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/json_writer.h"
#include "common/base/version.h"

namespace fairlead::rendezvous {
namespace {

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void write_counts(JsonWriter& json, std::string_view name, const std::vector<ReasonCount>& counts) {
  json.key(name).begin_object();
  for (const ReasonCount& each : counts) json.field(reason_code(each.reason), each.count);
  json.end_object();
}

constexpr std::string_view kChoose = ", --agent and --service choose";  // not among relays

// How much of a list is shown, for both forms: a list that was cut must say so.
void write_shown(JsonWriter& json, std::size_t shown, std::size_t matched) {
  json.field("shown", static_cast<std::uint64_t>(shown)).field("total", static_cast<std::uint64_t>(matched));
}

std::string shown_text(std::string_view what, std::size_t shown, std::size_t matched, std::string_view choose) {
  if (shown >= matched) return "";
  return fmt::format("{} of {} {} shown; --limit N shows more{}\n", shown, matched, what, choose);
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
  json.key("problems");
  write_problems(json, view.problems);
  return json.end_object().take() + "\n";
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
  return out + problems_text(view.problems);
}

}  // namespace

std::string render_summary(const StatusReport& view, AnswerForm form) {
  return form == AnswerForm::json ? summary_json(view) : summary_text(view);
}

std::string render_agents(const StatusReport& view, AnswerForm form) {
  if (form == AnswerForm::text) {
    std::string out = fmt::format("{:<48} {:<16} {:<22} {:<20} services\n", "agent", "name", "address", "since");
    for (const AgentRow& each : view.agents.rows) {
      out += fmt::format("{:<48} {:<16} {:<22} {:<20} {}\n", each.spiffe_id, each.endpoint, each.address,
                         format_time(each.since), fmt::join(each.services, ","));
    }
    return out + shown_text("agents", view.agents.rows.size(), view.agents.matched, kChoose);
  }
  JsonWriter json;
  json.begin_object().key("agents").begin_array();
  for (const AgentRow& each : view.agents.rows) {
    json.begin_object().field("id", each.spiffe_id).field("name", each.endpoint).field("cluster", each.cluster);
    json.field("version", each.software).field("since", format_time(each.since));
    json.field("rtt", seconds(each.rtt)).field("address", each.address);
    json.field("channels_ready", static_cast<std::uint64_t>(each.channels_ready));
    json.field("relays", static_cast<std::uint64_t>(each.relays));
    json.field("duplicates_refused", each.duplicates_refused);
    json.key("services").begin_array();
    for (const std::string& service : each.services) json.value(service);
    json.end_array().end_object();
  }
  json.end_array();
  write_shown(json, view.agents.rows.size(), view.agents.matched);
  return json.end_object().take() + "\n";
}

std::string render_services(const StatusReport& view, AnswerForm form) {
  if (form == AnswerForm::text) {
    std::string out = fmt::format("{:<32} {:<16} {:<7} {:<22} {:<9} {:<20} reason\n", "service", "endpoint", "path",
                                  "address", "state", "since");
    for (const WayRow& row : view.ways.rows) {
      out += fmt::format("{:<32} {:<16} {:<7} {:<22} {:<9} {:<20} {}\n", row.service, row.endpoint, row.path,
                         row.address, row.state, format_time(row.since), row.reason);
    }
    return out + shown_text("endpoints", view.ways.shown, view.ways.matched, kChoose);
  }
  JsonWriter json;
  json.begin_object().key("services").begin_array();
  for (const WayRow& row : view.ways.rows) {
    json.begin_object().field("service", row.service).field("endpoint", row.endpoint);
    json.field("path", row.path).field("address", row.address).field("method", row.method);
    json.field("state", row.state).field("since", format_time(row.since)).field("reason", row.reason);
    json.field("relays", static_cast<std::uint64_t>(row.relays));
    json.field("failures", static_cast<std::uint64_t>(row.failures)).end_object();
  }
  json.end_array();
  write_shown(json, view.ways.shown, view.ways.matched);
  return json.end_object().take() + "\n";
}

std::string render_relays(const StatusReport& view, AnswerForm form) {
  if (form == AnswerForm::text) {
    std::string out = fmt::format("{:<32} {:<24} {:<16} {:<22} seconds\n", "conn", "service", "endpoint", "peer");
    for (const RelaySummary& each : view.relays.rows) {
      out += fmt::format("{:<32} {:<24} {:<16} {:<22} {:.1f}\n", each.conn, each.service, each.endpoint, each.peer,
                         seconds(view.now_steady - each.since));
    }
    return out + shown_text("relays", view.relays.rows.size(), view.relays.matched, "");
  }
  JsonWriter json;
  json.begin_object().key("relays").begin_array();
  for (const RelaySummary& each : view.relays.rows) {
    json.begin_object().field("conn", each.conn).field("service", each.service).field("endpoint", each.endpoint);
    json.field("peer", each.peer).field("duration", seconds(view.now_steady - each.since)).end_object();
  }
  json.end_array();
  write_shown(json, view.relays.rows.size(), view.relays.matched);
  return json.end_object().take() + "\n";
}

}  // namespace fairlead::rendezvous
