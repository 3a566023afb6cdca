// What the agent says of itself: the report of `status`, and why a service is not direct.
#include <fmt/format.h>

#include <algorithm>

#include "agent/agent.h"
#include "agent/problems.h"
#include "common/base/log.h"

namespace fairlead::agent {

WallTime Agent::started() const {
  const HostTime host = host_time();
  return tools_.clock.read(host).time - std::chrono::floor<std::chrono::seconds>(host.boottime - started_);
}

ServiceReport Agent::service_report(std::size_t index) const {
  ServiceReport report{.name = config_.services[index].name, .path = "down", .since = started()};
  if (!tools_.cluster.empty()) report.name += "." + tools_.cluster;
  report.reason = reason_code(Reason::session_ended);
  report.detail = "no rendezvous has this service now";
  const ServiceState* relayed = nullptr;
  for (const auto& link : links_) {
    const ServiceState& state = link->services()[index];
    if (state.kind == ServiceState::Kind::registered) {
      if (const Offered* direct = link->offers().first_live()) {
        return {
            .name = state.name,
            .path = "direct",
            .address = direct->candidate.external.to_string(),
            .since = std::max(direct->since, state.since),
            .reason = "",
            .detail = fmt::format("verified by {}, mapped by {}", link->server().to_string(), direct->candidate.method),
            .refused_names = state.refused_names};
      }
      relayed = relayed ? relayed : &state;
      continue;
    }
    if (state.kind == ServiceState::Kind::refused) {
      report.reason = state.reason;
      report.detail = state.detail;
      report.since = state.since;
    }
  }
  if (relayed != nullptr) {
    report = {.name = relayed->name,
              .path = "relay",
              .address = relayed->address,
              .since = relayed->since,
              .refused_names = relayed->refused_names};
    explain_relay(report);
  }
  return report;
}

// Why it is not direct, as far as that is known.
void Agent::explain_relay(ServiceReport& report) const {
  const Diagnosis diagnosis = diagnose(direct_.facts());
  if (diagnosis.findings.empty()) return;
  report.reason = reason_code(diagnosis.findings.front().code);
  report.detail = diagnosis.findings.front().evidence;
}

std::optional<Error> Agent::target_problem(const std::string& service) const {
  const auto state = tools_.target_health.find(service, loop_.now());
  if (!state || !state->failing) return std::nullopt;
  return Error{*state->failing, fmt::format("{} ({} refused, {} unanswered, {} served in the last {} minutes)",
                                            state->detail, state->refused, state->silent, state->served,
                                            std::chrono::floor<std::chrono::minutes>(TargetHealth::kWindow).count())};
}

StatusReport Agent::status_report() const {
  StatusReport report{.now = tools_.clock.read(host_time()).time,
                      .started = started(),
                      .log = log_counts(),
                      .standing = {},
                      .spiffe_id = credentials_->spiffe_id(),
                      .not_after = credentials_->not_after(),
                      .relays = tools_.room.relays(),
                      .relays_max = tools_.room.relays_max(),
                      .memory_used = tools_.room.memory_used(),
                      .memory_max = tools_.room.memory().max(),
                      .mappings = direct_.mappings(),
                      .counters = counters_};
  report.not_before = credentials_->not_before();
  report.standing = direct_.problems();
  if (renewer_.problem()) report.standing.push_back(*renewer_.problem());
  if (calls_problem_) report.standing.push_back(*calls_problem_);
  if (calls_) {
    CallReports calls = calls_->reports();
    report.egress = std::move(calls.egress);
    for (EgressReport& each : report.egress) {
      if (each.failure && loop_.now() - each.failure->at > TargetHealth::kWindow) each.failure.reset();
    }
    report.proxy = std::move(calls.proxy);
  }
  if (tools_.clock.problem()) {
    report.standing.push_back(*tools_.clock.problem());
  } else if (state_problem_) {
    report.standing.push_back(*state_problem_);
  }
  for (std::size_t i = 0; i < config_.services.size(); ++i) {
    report.services.push_back(service_report(i));
    report.services.back().target = target_problem(config_.services[i].name);
  }
  for (const auto& link : links_) {
    RendezvousReport each{
        .address = link->server().to_string(), .state = std::string(link->state_name()), .since = link->since()};
    if (const SessionChannels* channels = link->channels()) {
      each.channels_ready = channels->ready();
      each.channels_busy = channels->busy();
    }
    if (link->last_error() && link->state() != RendezvousLink::State::up) {
      each.reason = reason_code(link->last_error()->reason);
      each.detail = link->last_error()->detail;
    }
    report.rendezvous.push_back(std::move(each));
  }
  report.problems = find_problems(report, kSessions);
  return report;
}

}  // namespace fairlead::agent
