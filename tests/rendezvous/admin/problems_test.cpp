#include "rendezvous/admin/problems.h"

#include "tests/rendezvous/registry/world.h"

namespace fairlead::rendezvous {
namespace {

using std::chrono::days;

StatusReport well() {
  StatusReport out;
  out.now = WallTime(std::chrono::seconds(1'700'000'000));
  out.not_after = out.now + days(90);
  out.limits = {{"relays_max", Reason::server_full, 1, 10}};
  return out;
}

std::vector<Problem> find(World& world, const StatusReport& report, const std::vector<ReasonCount>& lately = {}) {
  return find_problems(report, world.registry.view(), lately);
}

TEST_CASE("where all is well nothing is said") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  REQUIRE(world.add(nas1, {.label = "web"}) == "ok");
  CHECK(find(world, well()).empty());
  CHECK(find(world, well(), {{Reason::unknown_name, 1000}}).empty());  // strangers' mistakes
}

TEST_CASE("the server's own certificate, before and after its end") {
  World world;
  StatusReport report = well();
  report.not_after = report.now + days(3);
  CHECK(find(world, report).front().code == "certificate_expires");
  report.not_after = report.now;
  CHECK(find(world, report).front().code == "certificate_expired");
}

TEST_CASE("limits that are nearly full, or turned somebody away in the last minutes") {
  World world;
  StatusReport report = well();
  report.limits = {{"relays_max", Reason::server_full, 9, 10},
                   {"services_per_agent", Reason::services_max, 64, 64},
                   {"relays_per_source", Reason::relays_per_source, 1, 10},
                   {"relay_memory", Reason::relay_memory, 0, 0}};
  auto problems =
      find(world, report, {{Reason::server_full, 2}, {Reason::relays_per_source, 7}, {Reason::relay_memory, 3}});
  REQUIRE(problems.size() == 3);
  CHECK(problems[0].code == "server_full");
  CHECK(problems[0].text == "limits.relays_max: 9 of 10 in use");
  CHECK(problems[1].code == "relays_per_source");
  CHECK(problems[1].text == "7 turned away or closed in the last minutes");
  CHECK(problems[2].code == "relay_memory");
  for (const Problem& each : problems) CHECK_FALSE(each.next_step.empty());
}

TEST_CASE("a cloned identity is named") {
  World world;
  const SessionClaim first = world.claim("home", "nas1", 1);
  const SessionClaim clone = world.claim("home", "nas1", 2);
  world.registry.admit(first, moment(0s));
  world.registry.admit(clone, moment(0s));
  world.registry.admit_probed(clone, first.session, ProbeOutcome::answered, moment(1s));
  const auto problems = find(world, well());
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].code == "duplicate_identity");
  CHECK(problems[0].agent == "spiffe://td/agent/home/nas1");
  CHECK(problems[0].text.find("duplicate_identity") == std::string::npos);  // the code is said once
}

TEST_CASE("an endpoint whose connections fail is named, with its agent and the next step of the reason") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  const auto nas2 = world.enter("home", "nas2");
  REQUIRE(world.add(nas1, {.label = "web"}) == "ok");
  REQUIRE(world.add(nas2, {.label = "web"}) == "ok");
  const auto load = world.snapshot().route("nas2.web.home", {}).candidates().front()->load;
  for (int i = 0; i < kFailuresToSetAside; ++i) load->on_refused_or_silent(TimePoint(), Reason::target_refused);
  const auto problems = find(world, well());
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].code == "target_refused");
  CHECK(problems[0].service == "nas2.web.home");
  CHECK(problems[0].agent == "spiffe://td/agent/home/nas2");
  CHECK(problems[0].next_step == "start the service, or correct its target");
}

TEST_CASE("so is one that accepts and then fails its clients, as by a wrong certificate") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  REQUIRE(world.add(nas1, {.label = "web"}) == "ok");
  const auto load = world.snapshot().route("web.home", {}).candidates().front()->load;
  for (int i = 0; i < 13; ++i) {
    load->on_accepted();
    load->on_came_to_nothing(TimePoint(), Reason::client_reset);
  }
  const auto problems = find(world, well());
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].code == "client_reset");
  CHECK(problems[0].service == "nas1.web.home");
  CHECK(problems[0].text.find("connections failed") != std::string::npos);
}

TEST_CASE("dial-backs that fail for everybody are this server's problem, for one agent they are not") {
  World world;
  DirectEndpoint direct{
      *SocketAddress::parse("198.51.100.7:7001"), "pcp", DirectEndpoint::State::down, {}, "verify_failed"};
  std::shared_ptr<Carrier> last;
  for (const std::string name : {"a", "b", "c"}) {
    CHECK(find(world, well()).empty());
    last = world.enter("home", name);
    REQUIRE(world.add(last, {.label = "web"}) == "ok");
    world.registry.set_direct(*last, {direct});
  }
  REQUIRE(find(world, well()).size() == 1);
  CHECK(find(world, well()).front().code == "verify_failed");
  direct.state = DirectEndpoint::State::live;
  world.registry.set_direct(*last, {direct});
  CHECK(find(world, well()).empty());
}

}  // namespace
}  // namespace fairlead::rendezvous
