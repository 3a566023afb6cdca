// The part of Server that answers the admin socket. The main loop copies what it alone may read and takes the
// registry's view; the report thread makes the page of it.
#include <algorithm>
#include <charconv>
#include <functional>

#include "common/base/log.h"
#include "rendezvous/admin/collect.h"
#include "rendezvous/admin/problems.h"
#include "rendezvous/server.h"

namespace fairlead::rendezvous {
namespace {

constexpr Duration kGatherPatience = 2s;
constexpr Duration kMinute = 60s;
constexpr std::size_t kDefaultRows = 1000;

std::string parameter(const wire::HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.query) {
    if (key == name) return value;
  }
  return "";
}

ListFilter filter_of(const wire::HttpRequest& request) {
  ListFilter filter{
      .agent = parameter(request, "agent"), .service = parameter(request, "service"), .limit = kDefaultRows};
  const std::string limit = parameter(request, "limit");
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(limit.data(), limit.data() + limit.size(), number);
  if (error == std::errc() && number > 0) filter.limit = number;
  return filter;
}

std::vector<ReasonCount> counts_of(const ReasonCounters& counters) {
  std::vector<ReasonCount> out;
  for (std::size_t i = 0; i < reason_count(); ++i) {
    const auto reason = static_cast<Reason>(i);
    if (counters.get(reason) > 0) out.push_back({reason, counters.get(reason)});
  }
  return out;
}

}  // namespace

// What the main loop alone knows.
StatusReport Server::status_facts() const {
  StatusReport facts;
  facts.now = net::wall_now();
  facts.now_steady = loop_.now();
  facts.started = started_;
  facts.instance = to_hex(shared_.instance);
  facts.state = serving_.name();
  facts.standing = problems();
  facts.log = log_counts();
  facts.spiffe_id = credentials_->spiffe_id();
  facts.not_after = credentials_->not_after();
  for (const HostPort& each : config_.server.public_addresses) facts.public_addresses.push_back(each.to_string());
  return facts;
}

// What is not as the configuration wants it, and was told in the log when it began.
std::vector<Error> Server::problems() const {
  std::vector<Error> out = listeners_.problems();
  if (const auto unwritable = ticket_keys_->unwritable()) out.push_back(*unwritable);
  return out;
}

// Report thread: gauges and counters may be read anywhere.
void Server::fill_summary(StatusReport& report, const RegistryView& view, const Limits& limits) {
  const Gauges& gauges = shared_.gauges;
  const HandshakeDesk::Use handshakes = handshakes_.use();
  report.registry = view.counters;
  report.relays_live = gauges.relays.used();
  report.relays_total = shared_.counters.relays_total;
  report.bytes_in = shared_.counters.bytes_in;
  report.bytes_out = shared_.counters.bytes_out;
  report.closed = counts_of(shared_.counters.closed);
  report.refused = counts_of(shared_.counters.refused);
  const AgentPeaks peaks = collect_peaks(view);
  report.limits = {
      {"unclassified_max", Reason::unclassified_max, gauges.unclassified.used(), gauges.unclassified.max()},
      {"unclassified_per_source", Reason::unclassified_per_source, gauges.unclassified_per_source.highest(),
       gauges.unclassified_per_source.max()},
      {"handshakes_max", Reason::handshakes_max, handshakes.under_way, limits.handshakes_max},
      {"handshakes_waiting", Reason::handshakes_waiting, handshakes.waiting, limits.handshakes_waiting},
      {"handshakes_waiting_bytes", Reason::handshakes_waiting, handshakes.waiting_bytes,
       limits.handshakes_waiting_bytes},
      {"sessions_max", Reason::server_full, gauges.sessions.used(), gauges.sessions.max()},
      {"channels_max", Reason::server_full, gauges.channels.used(), gauges.channels.max()},
      {"services_per_agent", Reason::services_max, peaks.services, limits.services_per_agent},
      {"relays_per_source", Reason::relays_per_source, gauges.relays_per_source.highest(),
       gauges.relays_per_source.max()},
      {"unproved_per_source", Reason::unproved_per_source, gauges.unproved_per_source.highest(),
       gauges.unproved_per_source.max()},
      {"relays_per_service", Reason::relays_per_service, gauges.relays_per_service.highest(),
       gauges.relays_per_service.max()},
      {"relays_per_agent", Reason::relays_per_agent, peaks.relays, limits.relays_per_agent},
      {"verify_dials_max", Reason::verify_busy, gauges.verify_dials.used(), gauges.verify_dials.max()},
      {"verify_dials_per_target", Reason::verify_busy, gauges.verify_dials_per_target.highest(),
       gauges.verify_dials_per_target.max()},
      {"relays_max", Reason::server_full, gauges.relays.used(), gauges.relays.max()},
      {"relay_memory", Reason::relay_memory, shared_.relay_budget.in_use(), shared_.relay_budget.max()},
  };
}

// Whom limits turned away, and what they ended.
std::vector<std::uint64_t> Server::ended_totals() const {
  std::vector<std::uint64_t> out = shared_.counters.refused.totals();
  const std::vector<std::uint64_t> closed = shared_.counters.closed.totals();
  std::ranges::transform(out, closed, out.begin(), std::plus());
  return out;
}

void Server::on_minute() {
  ended_lately_.on_minute(ended_totals());
  loop_.timers().arm(minute_timer_, loop_.now() + kMinute);
}

void Server::on_admin_request(const wire::HttpRequest& request, net::ControlServer::Answer answer) {
  const AnswerForm form = parameter(request, "format") == "text" ? AnswerForm::text : AnswerForm::json;
  const ListFilter filter = filter_of(request);
  if (request.path == "/status") return answer_summary(form, std::move(answer));
  if (request.path == "/status/agents") {
    return answer_page(
        form, render_agents,
        [filter](StatusReport& report, const RegistryView& view) { report.agents = collect_agents(view, filter); },
        std::move(answer));
  }
  if (request.path == "/status/services") {
    return answer_page(
        form, render_services,
        [filter](StatusReport& report, const RegistryView& view) {
          const std::string relay = report.public_addresses.empty() ? "" : report.public_addresses.front();
          report.ways = collect_ways(view, filter, {relay, report.now_steady});
        },
        std::move(answer));
  }
  if (request.path == "/status/relays") return answer_relays(form, filter.limit, std::move(answer));
  if (request.path == kRevocationsPage) return read_revoked_again(std::move(answer));
  answer({.status = 404, .body = "{\"error\":\"no such page\"}\n"});
}

void Server::answer_page(AnswerForm form, Render render, Fill fill, net::ControlServer::Answer answer) {
  auto view = std::make_shared<const RegistryView>(registry_.registry().view());
  const auto make = [form, render, fill = std::move(fill), view, facts = status_facts()] {
    StatusReport report = facts;
    fill(report, *view);
    return net::HttpReply{.status = report.problems.empty() ? net::kWellStatus : net::kNotWellStatus,
                          .body = render(report, form),
                          .content_type = form == AnswerForm::json ? "application/json" : "text/plain; charset=utf-8"};
  };
  reports_.make(make, std::move(answer));
}

void Server::answer_summary(AnswerForm form, net::ControlServer::Answer answer) {
  const auto fill = [this, limits = config_.limits, lately = ended_lately_.recent(ended_totals())](
                        StatusReport& report, const RegistryView& view) {
    fill_summary(report, view, limits);
    report.problems = find_problems(report, view, lately);
  };
  answer_page(form, render_summary, fill, std::move(answer));
}

void Server::answer_relays(AnswerForm form, std::size_t limit, net::ControlServer::Answer answer) {
  const std::uint64_t number = next_gather_++;
  const auto on_gathered = [this, number, form, answer = std::move(answer)](const Listing<RelaySummary>& relays) {
    answer_page(
        form, render_relays, [relays](StatusReport& report, const RegistryView&) { report.relays = relays; }, answer);
    loop_.retire(std::move(gathers_.extract(number).mapped()));
  };
  std::vector<RelayGather::Ask> asks;
  for (const auto& worker : workers_) {
    asks.push_back([each = worker.get(), limit](std::function<void(RelayGather::Rows)> tell) {
      each->post([each, limit, tell = std::move(tell)] { tell(each->relays(limit)); });
    });
  }
  auto& gather = gathers_[number] = std::make_unique<RelayGather>(loop_, limit, on_gathered);
  gather->start(asks, kGatherPatience);
}

}  // namespace fairlead::rendezvous
