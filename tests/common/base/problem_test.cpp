#include "common/base/problem.h"

#include "tests/support/doctest.h"

namespace fairlead {
namespace {

TEST_CASE("a problem says whose it is and what to do, to people and to machines") {
  const std::vector<Problem> problems = {
      service_problem(Reason::target_refused, "nas1.web.home", "3 connections failed in a row"),
      agent_problem(Reason::duplicate_identity, "spiffe://td/agent/home/nas1", "2 newcomers were refused"),
      problem_of(Reason::relays_per_source, "16 of 16 in use")};
  const std::string text = problems_text(problems);
  CHECK(text.find("  target_refused: nas1.web.home: 3 connections failed in a row\n    next step: start the service") !=
        std::string::npos);
  CHECK(text.find("  duplicate_identity: spiffe://td/agent/home/nas1: 2 newcomers") != std::string::npos);
  CHECK(text.find("  relays_per_source: 16 of 16 in use\n") != std::string::npos);
  JsonWriter json;
  write_problems(json, problems);
  CHECK(json.take().starts_with(
      R"([{"code":"target_refused","service":"nas1.web.home","agent":"","text":"3 connections failed in a row",)"
      R"("next_step":"start the service, or correct its target"},)"));
}

TEST_CASE("nothing wrong is said as well") {
  CHECK(problems_text({}) == "no problems\n");
  JsonWriter json;
  write_problems(json, {});
  CHECK(json.take() == "[]");
}

}  // namespace
}  // namespace fairlead
