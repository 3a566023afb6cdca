// What the agent answers at its control socket: pages for `status` and `probe`, and what `expose` asks of it.
#include <fmt/format.h>

#include <algorithm>

#include "agent/agent.h"
#include "agent/exposing/running_agent.h"
#include "common/config/config_path.h"

namespace fairlead::agent {
namespace {

constexpr const char* kTextType = "text/plain; charset=utf-8";
constexpr int kUnreachableStatus = 503;  // of /probe: services cannot be reached at all

std::string parameter(const wire::HttpRequest& request, std::string_view name) {
  const auto at = std::ranges::find(request.query, name, &std::pair<std::string, std::string>::first);
  return at == request.query.end() ? "" : at->second;
}

net::HttpReply line_reply(int status, std::string_view line) {
  return {.status = status, .body = fmt::format("{}\n", line), .content_type = kTextType};
}

template <class... T>
net::HttpReply reply(int status, config::AnswerFormat format, const T&... shown) {
  if (format == config::AnswerFormat::json) return {.status = status, .body = render_json(shown...)};
  return {.status = status, .body = render_text(shown...), .content_type = kTextType};
}

}  // namespace

net::HttpReply Agent::on_control_request(const wire::HttpRequest& request) {
  using config::AnswerFormat;
  const AnswerFormat format = parameter(request, "format") == "text" ? AnswerFormat::text : AnswerFormat::json;
  if (request.path == "/status") {
    const StatusReport report = status_report();
    return reply(report.problems.empty() ? net::kWellStatus : net::kNotWellStatus, format, report);
  }
  if (request.path == "/probe") {
    const ProbeFacts facts = direct_.facts();
    const Diagnosis diagnosis = diagnose(facts);
    return reply(diagnosis.path == PathKind::none ? kUnreachableStatus : net::kWellStatus, format, facts, diagnosis);
  }
  if (request.path == kConfigurationPage)
    return line_reply(net::kWellStatus, config_path_.empty() ? "" : config::absolute_path(config_path_));
  if (request.path == kReloadPage) return reload_reply();
  if (request.path == kServicePage) return service_reply(parameter(request, "name"), format);
  return {.status = kNoSuchStatus, .body = "{\"error\":\"no such page\"}\n"};
}

net::HttpReply Agent::reload_reply() {
  if (config_path_.empty()) return line_reply(kRefusedStatus, "this agent runs without a configuration");
  const auto reloaded = reload();
  return reloaded ? line_reply(net::kWellStatus, "reloaded") : line_reply(kRefusedStatus, reloaded.error().detail);
}

net::HttpReply Agent::service_reply(const std::string& name, config::AnswerFormat format) {
  const auto at = std::ranges::find(config_.services, name, &ServiceConfig::name);
  if (at == config_.services.end()) return line_reply(kNoSuchStatus, "no such service");
  const auto index = static_cast<std::size_t>(at - config_.services.begin());
  const ServiceReport report = service_report(index);
  if (report.path != "down") return reply(net::kWellStatus, format, report);
  const auto kind = [index](const auto& link) { return link->services()[index].kind; };
  const bool refused = std::ranges::count(links_, ServiceState::Kind::refused, kind) > 0 &&
                       std::ranges::count(links_, ServiceState::Kind::asked, kind) == 0 &&
                       report.reason != reason_code(Reason::register_rate);  // it passes, and is asked again
  if (refused) return line_reply(kRefusedStatus, report.reason + ": " + report.detail);
  for (const auto& link : links_) {
    if (link->state() == RendezvousLink::State::up || !link->last_error()) continue;
    const Error& error = *link->last_error();
    return line_reply(net::kNotWellStatus, fmt::format("{}: {}", reason_code(error.reason), error.detail));
  }
  return line_reply(net::kNotWellStatus, report.reason + ": " + report.detail);
}

}  // namespace fairlead::agent
