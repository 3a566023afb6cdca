#include "common/base/problem.h"

#include <fmt/format.h>

namespace fairlead {

Problem problem_of(Reason reason, std::string text) {
  return {std::string(reason_code(reason)), "", "", std::move(text), std::string(reason_text(reason).next_step)};
}

Problem service_problem(Reason reason, std::string service, std::string text) {
  Problem out = problem_of(reason, std::move(text));
  out.service = std::move(service);
  return out;
}

Problem agent_problem(Reason reason, std::string agent, std::string text) {
  Problem out = problem_of(reason, std::move(text));
  out.agent = std::move(agent);
  return out;
}

void write_problems(JsonWriter& json, const std::vector<Problem>& problems) {
  json.begin_array();
  for (const Problem& each : problems) {
    json.begin_object().field("code", each.code).field("service", each.service).field("agent", each.agent);
    json.field("text", each.text).field("next_step", each.next_step).end_object();
  }
  json.end_array();
}

std::string problems_text(const std::vector<Problem>& problems) {
  if (problems.empty()) return "no problems\n";
  std::string out = "problems\n";
  for (const Problem& each : problems) {
    std::string about = each.service;
    if (!each.agent.empty()) about += (about.empty() ? "" : " of ") + each.agent;
    out += fmt::format("  {}: {}{}{}\n    next step: {}\n", each.code, about, about.empty() ? "" : ": ", each.text,
                       each.next_step);
  }
  return out;
}

}  // namespace fairlead
