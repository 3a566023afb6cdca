#pragma once
// Something that is not well, as `status` of either program tells it: what, whose, and what to do about it. Values,
// made where a report is put together; any thread.
#include <string>
#include <string_view>
#include <vector>

#include "common/base/json_writer.h"
#include "common/base/reason.h"

namespace fairlead {

struct Problem {
  std::string code;     // of the list that `explain` knows
  std::string service;  // ENDPOINT.SERVICE.CLUSTER or SERVICE.CLUSTER; empty: of no service in particular
  std::string agent;    // SPIFFE id; empty: of no agent in particular
  std::string text;     // what was seen, without the code
  std::string next_step;
};

// With the next step of its reason.
Problem problem_of(Reason reason, std::string text);
Problem service_problem(Reason reason, std::string service, std::string text);
Problem agent_problem(Reason reason, std::string agent, std::string text);

// An array of objects with all five fields.
void write_problems(JsonWriter& json, const std::vector<Problem>& problems);
// "problems" and two lines for each, or "no problems".
std::string problems_text(const std::vector<Problem>& problems);

}  // namespace fairlead
