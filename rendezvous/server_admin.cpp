// The part of Server that answers the admin socket: takes the view that status.h renders.
#include <charconv>
#include <future>

#include "common/base/log.h"
#include "rendezvous/server.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::chrono::seconds kGatherPatience{2};
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

// Asks every worker in turn; a status page may wait for them, they never wait for it.
std::vector<RelaySummary> Server::gather_relays(std::size_t limit) {
  std::vector<RelaySummary> out;
  for (const auto& worker : workers_) {
    auto answer = std::make_shared<std::promise<std::vector<RelaySummary>>>();
    auto result = answer->get_future();
    worker->post([each = worker.get(), answer, limit] { answer->set_value(each->relays(limit)); });
    if (result.wait_for(kGatherPatience) != std::future_status::ready) continue;
    for (RelaySummary& relay : result.get()) {
      if (out.size() < limit) out.push_back(std::move(relay));
    }
  }
  return out;
}

// What is not as the configuration wants it, and was told in the log when it began.
std::vector<Error> Server::problems() const {
  std::vector<Error> out = listeners_.problems();
  if (const auto unwritable = ticket_keys_->unwritable()) out.push_back(*unwritable);
  return out;
}

StatusReport Server::status_report() {
  Gauges& gauges = shared_.gauges;
  StatusReport view;
  view.now = net::wall_now();
  view.now_steady = loop_.now();
  view.started = started_;
  view.instance = to_hex(shared_.instance);
  view.state = serving_.name();
  view.standing = problems();
  view.log = log_counts();
  view.spiffe_id = credentials_->spiffe_id();
  view.not_after = credentials_->not_after();
  for (const HostPort& each : config_.server.public_addresses) view.public_addresses.push_back(each.to_string());
  view.registry = registry_.registry().counters();
  view.relays_live = gauges.relays.used();
  view.relays_total = shared_.counters.relays_total;
  view.bytes_in = shared_.counters.bytes_in;
  view.bytes_out = shared_.counters.bytes_out;
  view.closed = counts_of(shared_.counters.closed);
  view.refused = counts_of(shared_.counters.refused);
  view.sessions = registry_.registry().sessions({.limit = SIZE_MAX});
  std::size_t busiest_agent = 0;
  std::size_t most_services = 0;
  for (const SessionSummary& each : view.sessions) {
    busiest_agent = std::max(busiest_agent, each.session->load().relays);
    most_services = std::max(most_services, each.services.size());
  }
  view.limits = {
      {"unclassified_max", gauges.unclassified.used(), gauges.unclassified.max()},
      {"unclassified_per_source", gauges.unclassified_per_source.highest(), gauges.unclassified_per_source.max()},
      {"handshakes_max", gauges.handshakes.used(), gauges.handshakes.max()},
      {"handshakes_waiting", gauges.handshakes_waiting.used(), gauges.handshakes_waiting.max()},
      {"sessions_max", gauges.sessions.used(), gauges.sessions.max()},
      {"services_per_agent", most_services, config_.limits.services_per_agent},
      {"relays_per_source", gauges.relays_per_source.highest(), gauges.relays_per_source.max()},
      {"relays_per_service", gauges.relays_per_service.highest(), gauges.relays_per_service.max()},
      {"relays_per_agent", busiest_agent, config_.limits.relays_per_agent},
      {"verify_dials_max", gauges.verify_dials.used(), gauges.verify_dials.max()},
      {"verify_dials_per_target", gauges.verify_dials_per_target.highest(), gauges.verify_dials_per_target.max()},
      {"relays_max", gauges.relays.used(), gauges.relays.max()},
  };
  return view;
}

net::HttpReply Server::on_admin_request(const wire::HttpRequest& request) {
  const AnswerForm form = parameter(request, "format") == "text" ? AnswerForm::text : AnswerForm::json;
  const ListFilter filter = filter_of(request);
  net::HttpReply reply;
  reply.content_type = form == AnswerForm::json ? "application/json" : "text/plain; charset=utf-8";
  StatusReport view = status_report();
  if (request.path == "/status") {
    view.endpoints = registry_.registry().endpoints({.limit = SIZE_MAX});
    reply.body = render_summary(view, form);
  } else if (request.path == "/status/agents") {
    view.sessions = registry_.registry().sessions(filter);
    reply.body = render_agents(view, form);
  } else if (request.path == "/status/services") {
    view.endpoints = registry_.registry().endpoints(filter);
    reply.body = render_services(view, form);
  } else if (request.path == "/status/relays") {
    view.relays = gather_relays(filter.limit);
    reply.body = render_relays(view, form);
  } else {
    reply.status = 404;
    reply.body = "{\"error\":\"no such page\"}\n";
  }
  return reply;
}

}  // namespace fairlead::rendezvous
