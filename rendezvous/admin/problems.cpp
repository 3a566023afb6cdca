#include "rendezvous/admin/problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace fairlead::rendezvous {
namespace {

constexpr std::chrono::hours kRenewSoon{24 * 7};
constexpr std::string_view kRenew =
    "renew it: issue a new one and replace the files; they are read again without a restart";
constexpr std::string_view kReadLog = "read the program's stderr, or send it to a file or the journal";

Problem noted(std::string_view code, std::string_view next_step, std::string text) {
  return {std::string(code), "", "", std::move(text), std::string(next_step)};
}
constexpr std::size_t kNearlyFull = 90;       // per cent
constexpr std::size_t kDialBacksToJudge = 3;  // agents whose addresses were dialled and did not answer

void find_certificate(const StatusReport& report, std::vector<Problem>& out) {
  if (report.not_after <= report.now) {
    out.push_back(problem_of(
        Reason::certificate_expired,
        fmt::format("the server's own certificate ended {}; agents cannot connect", format_time(report.not_after))));
  } else if (report.not_after - report.now < kRenewSoon) {
    out.push_back(noted("certificate_expires", kRenew,
                        fmt::format("the server's own certificate ends {}", format_time(report.not_after))));
  }
}

void find_host(const StatusReport& report, std::vector<Problem>& out) {
  for (const Error& each : report.standing) out.push_back(problem_of(each.reason, each.detail));
  if (report.log.lines_lost == 0) return;
  out.push_back(noted("lines_lost", kReadLog, fmt::format("{} lines found no reader in time", report.log.lines_lost)));
}

void find_limits(const StatusReport& report, const std::vector<ReasonCount>& recently, std::vector<Problem>& out) {
  std::set<Reason> told;
  for (const LimitUse& limit : report.limits) {
    // An agent that uses all the services it may is well until it asks for more.
    if (limit.reason == Reason::services_max) continue;
    if (limit.max == 0 || limit.used * 100 < limit.max * kNearlyFull) continue;
    told.insert(limit.reason);
    out.push_back(
        problem_of(limit.reason, fmt::format("limits.{}: {} of {} in use", limit.name, limit.used, limit.max)));
  }
  for (const ReasonCount& each : recently) {
    const bool is_limit = std::ranges::find(report.limits, each.reason, &LimitUse::reason) != report.limits.end();
    if (!is_limit || each.count == 0 || told.contains(each.reason)) continue;
    out.push_back(problem_of(each.reason, fmt::format("{} turned away or closed in the last minutes", each.count)));
  }
}

void find_clones(const RegistryView& view, std::vector<Problem>& out) {
  view.sessions.for_each([&](const SessionRecordPtr& each) {
    if (each->duplicates_refused == 0) return;
    out.push_back(agent_problem(Reason::duplicate_identity, each->spiffe_id,
                                fmt::format("{} newcomers that also are endpoint {} were refused; a cloned image?",
                                            each->duplicates_refused, each->endpoint)));
  });
}

void find_failing(const StatusReport& report, const RegistryView& view, std::vector<Problem>& out) {
  view.publication.endpoints.for_each([&](const PublishedPtr& each) {
    const auto trouble = each->endpoint->load->trouble(report.now_steady);
    if (!trouble) return;
    Problem problem =
        service_problem(trouble->reason, each->id,
                        fmt::format("{} of its last {} connections failed; it is used only where no other "
                                    "endpoint is left",
                                    trouble->failures, trouble->failures + trouble->successes));
    problem.agent = each->endpoint->spiffe_id;
    out.push_back(std::move(problem));
  });
}

// One agent's router is its own affair; when nobody's address answers, it is this server that cannot dial.
void find_dial_backs(const RegistryView& view, std::vector<Problem>& out) {
  std::set<const Carrier*> failing;
  bool any_live = false;
  view.publication.endpoints.for_each([&](const PublishedPtr& each) {
    for (const Way& way : each->ways->all()) {
      if (way.kind != Way::Kind::direct) continue;
      any_live = any_live || way.direct.state == DirectEndpoint::State::live;
      if (way.direct.reason == reason_code(Reason::verify_failed)) failing.insert(each->endpoint->carrier.get());
    }
  });
  if (any_live || failing.size() < kDialBacksToJudge) return;
  out.push_back(problem_of(Reason::verify_failed,
                           fmt::format("no dial-back succeeds, of {} agents that offered addresses; may this server "
                                       "connect to the internet?",
                                       failing.size())));
}

}  // namespace

std::vector<Problem> find_problems(const StatusReport& report, const RegistryView& view,
                                   const std::vector<ReasonCount>& recently) {
  std::vector<Problem> out;
  find_certificate(report, out);
  find_host(report, out);
  find_limits(report, recently, out);
  find_dial_backs(view, out);
  const auto own = static_cast<std::ptrdiff_t>(out.size());
  find_clones(view, out);
  find_failing(report, view, out);
  std::sort(out.begin() + own, out.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.service, a.agent, a.code) < std::tie(b.service, b.agent, b.code);
  });
  return out;
}

}  // namespace fairlead::rendezvous
