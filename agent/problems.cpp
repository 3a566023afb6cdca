#include "agent/problems.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/tls/time_text.h"

namespace fairlead::agent {
namespace {

constexpr std::chrono::hours kRenewSoon{24 * 7};
constexpr std::string_view kRenew =
    "renew it: issue a new one and replace the files; they are read again without a restart";
constexpr std::string_view kReadLog = "read the program's stderr, or send it to a file or the journal";

Problem noted(std::string_view code, std::string_view next_step, std::string text) {
  return {std::string(code), "", "", std::move(text), std::string(next_step)};
}

Reason reason_of(const std::string& code) {
  return find_reason(code).value_or(Reason::protocol_error);  // a newer server's
}

// A certificate of a short life is renewed while less is left of it; a quarter is left when that has failed for a
// while.
Duration soon(const StatusReport& report) {
  return std::min<Duration>(kRenewSoon, (report.not_after - report.not_before) / 4);
}

void find_certificate(const StatusReport& report, std::vector<Problem>& out) {
  if (report.not_after <= report.now) {
    out.push_back(problem_of(Reason::certificate_expired,
                             fmt::format("this agent's certificate ended {}", tls::time_text(report.not_after))));
  } else if (report.not_after - report.now < soon(report)) {
    out.push_back(noted("certificate_expires", kRenew,
                        fmt::format("this agent's certificate ends {}", tls::time_text(report.not_after))));
  }
}

void find_host(const StatusReport& report, std::vector<Problem>& out) {
  for (const Error& each : report.standing) out.push_back(problem_of(each.reason, each.detail));
  if (report.log.lines_lost == 0) return;
  out.push_back(noted("lines_lost", kReadLog, fmt::format("{} lines found no reader in time", report.log.lines_lost)));
}

void find_services(const StatusReport& report, std::vector<Problem>& out) {
  for (const ServiceReport& each : report.services) {
    if (each.path == "down") out.push_back(service_problem(reason_of(each.reason), each.name, each.detail));
    if (each.target) {
      out.push_back(service_problem(each.target->reason, each.name, "its target: " + each.target->detail));
    }
    for (const std::string& name : each.refused_names) {
      out.push_back(service_problem(Reason::policy_denied, each.name, "it is registered without " + name));
    }
  }
}

void find_egress(const StatusReport& report, std::vector<Problem>& out) {
  for (const EgressReport& each : report.egress) {
    if (each.failure) {
      out.push_back(
          service_problem(each.failure->why.reason, each.name,
                          fmt::format("egress at {}: its latest call: {}", each.listen, each.failure->why.detail)));
    }
    if (!each.problem) continue;
    out.push_back(service_problem(each.problem->reason, each.name,
                                  fmt::format("egress at {}: {}", each.listen, each.problem->detail)));
  }
  if (!report.proxy || !report.proxy->problem) return;
  out.push_back(problem_of(report.proxy->problem->reason,
                           fmt::format("the proxy at {}: {}", report.proxy->listen, report.proxy->problem->detail)));
}

void find_sessions(const StatusReport& report, std::size_t sessions, std::vector<Problem>& out) {
  const auto up = std::ranges::count(report.rendezvous, "up", &RendezvousReport::state);
  if (static_cast<std::size_t>(up) >= std::min(sessions, report.rendezvous.size())) return;
  for (const RendezvousReport& each : report.rendezvous) {
    // Listing a server twice loses nothing: `rendezvous` shows it.
    if (each.state == "up" || each.reason.empty() || reason_of(each.reason) == Reason::same_instance) continue;
    out.push_back(problem_of(reason_of(each.reason), fmt::format("no session with {}: {}", each.address, each.detail)));
  }
}

}  // namespace

std::vector<Problem> find_problems(const StatusReport& report, std::size_t sessions) {
  std::vector<Problem> out;
  find_certificate(report, out);
  find_host(report, out);
  find_sessions(report, sessions, out);
  find_services(report, out);
  find_egress(report, out);
  return out;
}

}  // namespace fairlead::agent
