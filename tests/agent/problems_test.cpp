#include "agent/problems.h"

#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

StatusReport well() {
  StatusReport out;
  out.now = WallTime(std::chrono::seconds(1'700'000'000));
  out.not_after = out.now + std::chrono::days(90);
  out.services = {{.name = "web.home", .path = "relay", .address = "rv:443", .reason = "no_port_mapping"}};
  out.rendezvous = {{.address = "rv1:443", .state = "up"}, {.address = "rv2:443", .state = "up"}};
  return out;
}

TEST_CASE("where all is well nothing is said, and why it is not direct is no problem") {
  CHECK(find_problems(well(), 2).empty());
}

TEST_CASE("the certificate's end is told before and after it") {
  StatusReport report = well();
  report.not_after = report.now + std::chrono::days(3);
  CHECK(find_problems(report, 2).front().code == "certificate_expires");
  report.not_after = report.now;
  CHECK(find_problems(report, 2).front().code == "certificate_expired");
}

TEST_CASE("a certificate of a short life ends soon when a quarter of it is left") {
  StatusReport report = well();
  report.not_before = report.now - 29h;
  report.not_after = report.now + 10h;
  CHECK(find_problems(report, 2).empty());
  report.not_after = report.now + 9h;
  CHECK(find_problems(report, 2).front().code == "certificate_expires");
}

TEST_CASE("a service that was refused, or lives without a name, is named with the next step") {
  StatusReport report = well();
  report.services.front().refused_names = {"db.home (policy_denied)"};
  report.services.push_back({.name = "api.home", .path = "down", .reason = "name_taken", .detail = "held by x"});
  report.services.push_back({.name = "new.home", .path = "down", .reason = "a_newer_code", .detail = "?"});
  const auto problems = find_problems(report, 2);
  REQUIRE(problems.size() == 3);
  CHECK(problems[0].service == "web.home");
  CHECK(problems[0].text == "it is registered without db.home (policy_denied)");
  CHECK(problems[1].code == "name_taken");
  CHECK(problems[1].service == "api.home");
  CHECK_FALSE(problems[1].next_step.empty());
  CHECK(problems[2].code == "protocol_error");
}

TEST_CASE("a service whose target fails is named by the target's reason") {
  StatusReport report = well();
  report.services.front().target = Error{Reason::target_refused, "127.0.0.1:1: Connection refused"};
  const auto problems = find_problems(report, 2);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].code == "target_refused");
  CHECK(problems[0].service == "web.home");
  CHECK(problems[0].text == "its target: 127.0.0.1:1: Connection refused");
  CHECK_FALSE(problems[0].next_step.empty());
}

TEST_CASE("a session that is down is a problem while fewer are up than there should be") {
  StatusReport report = well();
  report.rendezvous[1] = {.address = "rv2:443", .state = "waiting", .reason = "connect_refused", .detail = "refused"};
  REQUIRE(find_problems(report, 2).size() == 1);
  CHECK(find_problems(report, 2)[0].code == "connect_refused");
  CHECK(find_problems(report, 2)[0].text == "no session with rv2:443: refused");
  report.rendezvous[1].reason = "same_instance";
  CHECK(find_problems(report, 2).empty());  // a hint
  report.rendezvous[1].reason = "connect_refused";
  report.rendezvous.push_back({.address = "rv3:443", .state = "up"});
  CHECK(find_problems(report, 2).empty());  // another one took its place
}

TEST_CASE("egress that cannot be listened on is a problem, and stands in the answer") {
  StatusReport report = well();
  report.egress = {{.name = "db.office", .listen = "127.0.0.1:5432", .connections = 3},
                   {.name = "web.home", .listen = "127.0.0.1:80", .problem = Error{Reason::address_in_use, "taken"}}};
  const auto problems = find_problems(report, 2);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].code == "address_in_use");
  CHECK(problems[0].service == "web.home");
  CHECK(problems[0].text == "egress at 127.0.0.1:80: taken");
  const std::string json = render_json(report);
  CHECK(json.find(R"x({"name":"db.office","listen":"127.0.0.1:5432","path":"relay","connections":3,)x") !=
        std::string::npos);
  CHECK(json.find(R"x("path":"down","connections":0,"reason":"address_in_use","detail":"taken"})x") !=
        std::string::npos);
  CHECK(render_text(report).find("egress    db.office at 127.0.0.1:5432 relay, connections 3\n") != std::string::npos);
  CHECK(render_text(report).find("web.home at 127.0.0.1:80 down, connections 0 (address_in_use: taken)") !=
        std::string::npos);
}

TEST_CASE("egress whose latest call failed is a problem, too") {
  StatusReport report = well();
  report.egress = {{.name = "db.office",
                    .listen = "127.0.0.1:5432",
                    .failure = CallFailure{{Reason::no_endpoint, "db.office: nobody serves it now"}, {}}}};
  const auto problems = find_problems(report, 2);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].code == "no_endpoint");
  CHECK(problems[0].service == "db.office");
  CHECK(problems[0].text == "egress at 127.0.0.1:5432: its latest call: db.office: nobody serves it now");
  CHECK(render_json(report).find(R"x("path":"relay","connections":0,"reason":"no_endpoint","detail":"db.office: n)x") !=
        std::string::npos);
  CHECK(render_text(report).find("relay, connections 0 (no_endpoint: db.office: nobody") != std::string::npos);
}

TEST_CASE("the proxy stands in the answer where there is one, and is a problem where it cannot listen") {
  StatusReport report = well();
  CHECK(render_json(report).find("\"proxy\"") == std::string::npos);
  report.proxy = {.name = "", .listen = "127.0.0.1:1080", .connections = 2};
  CHECK(find_problems(report, 2).empty());
  CHECK(render_json(report).find(R"x("proxy":{"listen":"127.0.0.1:1080","path":"relay","connections":2,)x") !=
        std::string::npos);
  CHECK(render_text(report).find("proxy     at 127.0.0.1:1080 relay, connections 2\n") != std::string::npos);
  report.proxy->problem = Error{Reason::address_in_use, "taken"};
  const auto problems = find_problems(report, 2);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].code == "address_in_use");
  CHECK(problems[0].text == "the proxy at 127.0.0.1:1080: taken");
}

TEST_CASE("the answer holds the problems, as text and as JSON") {
  StatusReport report = well();
  CHECK(render_text(report).ends_with("no problems\n"));
  report.services.front().refused_names = {"db.home (policy_denied)"};
  report.problems = find_problems(report, 2);
  CHECK(render_text(report).find("without db.home (policy_denied)") != std::string::npos);
  CHECK(render_text(report).find("policy_denied: web.home: it is registered without") != std::string::npos);
  CHECK(render_json(report).find(R"x("refused_names":["db.home (policy_denied)"])x") != std::string::npos);
  CHECK(render_json(report).find(R"("problems":[{"code":"policy_denied","service":"web.home")") != std::string::npos);
}

}  // namespace
}  // namespace fairlead::agent
