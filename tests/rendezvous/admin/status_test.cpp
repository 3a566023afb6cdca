#include "rendezvous/admin/status.h"

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

using namespace std::chrono;

StatusReport report() {
  StatusReport out;
  out.now = WallTime(sys_days(2030y / January / 31));
  out.started = out.now - 1h;
  out.state = "serving";
  out.spiffe_id = "spiffe://mesh.test/rendezvous/rv1";
  out.not_after = out.now + days(90);
  out.public_addresses = {"rv.example.com:15443"};
  out.limits = {{"relays_max", Reason::server_full, 1, 10}};
  out.closed = {{Reason::completed, 5}};
  return out;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("the summary says what there is, for machines and people") {
  const std::string json = render_summary(report(), AnswerForm::json);
  CHECK(has(json, R"("started":"2030-01-30T23:00:00Z")"));
  CHECK(has(json, R"("limits":{"relays_max":{"used":1,"max":10}})"));
  CHECK(has(json, R"("closed":{"completed":5})"));
  CHECK(has(json, R"("refused":{})"));
  CHECK(has(json, R"("problems":[])"));
  CHECK(has(render_summary(report(), AnswerForm::text), "no problems"));
}

TEST_CASE("what is not well stands in the summary with its next step") {
  StatusReport sick = report();
  sick.problems = {service_problem(Reason::target_refused, "nas1.web.home", "3 connections in a row failed")};
  CHECK(
      has(render_summary(sick, AnswerForm::json), R"("problems":[{"code":"target_refused","service":"nas1.web.home")"));
  CHECK(has(render_summary(sick, AnswerForm::text), "target_refused: nas1.web.home: 3 connections"));
}

AgentRow agent(const std::string& name) {
  return {.spiffe_id = "spiffe://mesh.test/agent/home/" + name,
          .endpoint = name,
          .cluster = "home",
          .software = "fairlead-agent 9",
          .address = "192.0.2.7:1234",
          .services = {"api.home", "web.home"}};
}

TEST_CASE("agents are listed with their services") {
  StatusReport out = report();
  out.agents = {{agent("nas1")}, 1};
  CHECK(has(render_agents(out, AnswerForm::json), R"("services":["api.home","web.home"])"));
  CHECK(has(render_agents(out, AnswerForm::json), R"("version":"fairlead-agent 9")"));
  const std::string text = render_agents(out, AnswerForm::text);
  CHECK(has(text, "api.home,web.home"));
  CHECK_FALSE(has(text, "shown"));
}

TEST_CASE("a list that was cut says how much of it is shown") {
  StatusReport out = report();
  out.agents = {{agent("nas1"), agent("nas2")}, 5001};
  CHECK(has(render_agents(out, AnswerForm::text), "2 of 5001 agents shown; --limit N shows more"));
  CHECK(has(render_agents(out, AnswerForm::json), R"("shown":2,"total":5001})"));
  out.ways = {{WayRow{}, WayRow{}}, 1, 3};
  CHECK(has(render_services(out, AnswerForm::text), "1 of 3 endpoints shown"));
  CHECK(has(render_services(out, AnswerForm::json), R"("shown":1,"total":3})"));
  out.relays = {{RelaySummary{}}, 2};
  CHECK(has(render_relays(out, AnswerForm::text), "1 of 2 relays shown"));
  CHECK(has(render_relays(out, AnswerForm::json), R"("shown":1,"total":2})"));
}

TEST_CASE("each way to a service is a row") {
  StatusReport out = report();
  out.ways.rows = {{.service = "web.home",
                    .endpoint = "nas1",
                    .path = "relay",
                    .address = "rv.example.com:15443",
                    .method = "",
                    .state = "live",
                    .reason = ""}};
  CHECK(has(
      render_services(out, AnswerForm::json),
      R"("service":"web.home","endpoint":"nas1","path":"relay","address":"rv.example.com:15443","method":"","state":"live")"));
}

}  // namespace
}  // namespace fairlead::rendezvous
