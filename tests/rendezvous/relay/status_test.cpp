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
  out.limits = {{"relays_max", 1, 10}};
  out.closed = {{Reason::completed, 5}};
  return out;
}

EndpointPtr endpoint(std::shared_ptr<AgentCarrier> session) {
  auto out = std::make_shared<Endpoint>();
  out->service = "web.home";
  out->name = "nas1";
  out->since = WallTime(sys_days(2030y / January / 30));
  out->carrier = std::move(session);
  out->load = std::make_shared<EndpointLoad>();
  return out;
}

std::shared_ptr<AgentCarrier> session() {
  return std::make_shared<AgentCarrier>(
      AgentCarrier::Description{.spiffe_id = "spiffe://mesh.test/agent/home/nas1"}, TimePoint(), [] {}, [] {});
}

WaysPtr ways(std::vector<DirectEndpoint> direct = {}) {
  return std::make_shared<const Ways>(std::move(direct));
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

TEST_CASE("what is not well is a problem with its code in front") {
  StatusReport sick = report();
  sick.not_after = sick.now + days(3);
  sick.limits = {{"relays_max", 9, 10}};
  sick.sessions = {{.spiffe_id = "spiffe://mesh.test/agent/home/nas1", .endpoint = "nas1", .duplicates_refused = 2}};
  const auto aside = endpoint(session());
  for (int i = 0; i < route::kFailuresToSetAside; ++i) {
    aside->load->on_refused_or_silent(sick.now_steady, Reason::target_refused);
  }
  sick.endpoints = {{aside, ways()}};
  const auto problems = find_problems(sick);
  REQUIRE(problems.size() == 4);
  CHECK(problems[0].starts_with("certificate_expires: "));
  CHECK(problems[1].starts_with("relays_max: 9 of 10"));
  CHECK(problems[2].starts_with("duplicate_identity: "));
  CHECK(problems[3].starts_with("target_refused: nas1.web.home"));
  sick.not_after = sick.now;
  CHECK(find_problems(sick)[0].starts_with("certificate_expired: "));
}

TEST_CASE("services and agents are listed with their state") {
  StatusReport out = report();
  const auto holder = session();
  const EndpointPtr served = endpoint(holder);
  out.endpoints = {{served, ways()}};
  out.sessions = {{.spiffe_id = holder->description().spiffe_id,
                   .endpoint = "nas1",
                   .services = {served},
                   .session = holder,
                   .about = {.software = "fairlead-agent 9", .peer = {}}}};
  std::string services = render_services(out, AnswerForm::json);
  CHECK(has(
      services,
      R"("service":"web.home","endpoint":"nas1","path":"relay","address":"rv.example.com:15443","method":"","state":"live")"));
  CHECK(has(render_agents(out, AnswerForm::json), R"("services":["web.home"])"));
  CHECK(has(render_agents(out, AnswerForm::text), "fairlead-agent") == false);
  holder->close();
  services = render_services(out, AnswerForm::json);
  CHECK(has(services, R"("state":"down")"));
  CHECK(has(services, R"("reason":"session_ended")"));
}

TEST_CASE("a direct address that answers comes before the relay, one that does not after it") {
  StatusReport out = report();
  const EndpointPtr served = endpoint(session());
  const auto address = *SocketAddress::parse("198.51.100.7:23456");
  const auto order = [&](DirectEndpoint::State state) {
    out.endpoints = {
        {served, ways({{.address = address, .method = "pcp", .state = state, .since = {}, .reason = ""}})}};
    const std::string services = render_services(out, AnswerForm::json);
    REQUIRE(has(services, R"("address":"198.51.100.7:23456")"));
    return services.find(R"("path":"direct")") < services.find(R"("path":"relay")");
  };
  CHECK(order(DirectEndpoint::State::live));
  CHECK_FALSE(order(DirectEndpoint::State::verifying));
  CHECK_FALSE(order(DirectEndpoint::State::down));
}

}  // namespace
}  // namespace fairlead::rendezvous
