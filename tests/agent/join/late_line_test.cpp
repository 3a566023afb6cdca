// An agent whose certificate has ended asks for the next one, at servers that the test plays.
#include "agent/join/late_line.h"

#include "tests/agent/join/played_server.h"
#include "tests/agent/join/tools_rig.h"
#include "tests/support/test_ca.h"

namespace fairlead::agent {
namespace {

struct LateRig : ToolsRig {
  ~LateRig() {
    line.close();
    worker.settle();
  }
  std::shared_ptr<const tls::Credentials> server_of(test::TestCa& of, const std::string& path = "rendezvous/main") {
    return of.credentials(path, {.dns_names = {}, .ip_addresses = {"127.0.0.1"}});
  }
  const wire::Renewed& ask(std::vector<HostPort> servers) {
    config.rendezvous = std::move(servers);
    answers.clear();
    line.ask_renewal({0x30, 1});
    REQUIRE(worker.until([&] { return !answers.empty(); }));
    return answers.back();
  }

  test::TestCa ca{"mesh.test", test::system_now()};
  std::shared_ptr<const tls::Credentials> own =
      ca.credentials("agent/home/nas1", {.not_before = test::system_now() - 24h, .not_after = test::system_now() - 1h});
  std::vector<wire::Renewed> answers;
  LateLine line{tools, [this](const wire::Renewed& answer) { answers.push_back(answer); }};
  const wire::Joined joined{.chain = {Bytes{1}, Bytes{2}},
                            .bundle = {Bytes{3}},
                            .trust_domain = "mesh.test",
                            .cluster = "home",
                            .name = "nas1",
                            .rendezvous = {},
                            .rendezvous_id = ""};
};

TEST_CASE("it is closed until it is opened, and then asks with the key alone") {
  LateRig rig;
  PlayedServer server(rig.server_of(rig.ca), rig.joined);
  CHECK_FALSE(rig.line.may_renew());
  rig.line.open(*rig.own);
  CHECK(rig.line.may_renew());
  CHECK(rig.ask({server.address()}) == wire::Renewed{"", 0, {{1}, {2}}, {{3}}});
  CHECK(rig.line.server() == server.address());
  const auto questions = server.questions();
  REQUIRE(questions.size() == 1);
  CHECK(std::get<wire::LateRenewal>(questions[0]).csr == Bytes{0x30, 1});
}

TEST_CASE("nobody but a rendezvous of our CA hears the question") {
  LateRig rig;
  rig.line.open(*rig.own);
  test::TestCa forger("mesh.test", test::system_now());
  PlayedServer foreign(rig.server_of(forger), rig.joined);
  CHECK(rig.ask({foreign.address()}).code == "ca_mismatch");
  CHECK(foreign.bytes == 0);
  PlayedServer agent(rig.server_of(rig.ca, "agent/home/evil"), rig.joined);
  CHECK(rig.ask({agent.address()}).code == "certificate_identity");
  CHECK(agent.bytes == 0);
}

TEST_CASE("each question goes to the next server, and a refusal is told as it was said") {
  LateRig rig;
  rig.line.open(*rig.own);
  PlayedServer refusing(rig.server_of(rig.ca), wire::JoinRefused{"device_ended", "long ago"});
  PlayedServer hangs_up(rig.server_of(rig.ca), std::nullopt);
  const std::vector<HostPort> servers{refusing.address(), hangs_up.address(), dead()};
  CHECK(rig.ask(servers).code == "device_ended");
  CHECK(rig.ask(servers).code == "connection_lost");
  CHECK(rig.ask(servers).code == "connect_refused");
  CHECK(rig.ask(servers).code == "device_ended");
}

TEST_CASE("closed at any moment, nothing is told any more") {
  LateRig rig;
  PlayedServer server(rig.server_of(rig.ca), rig.joined);
  rig.config.rendezvous = {server.address()};
  rig.line.ask_renewal({0x30, 1});  // closed
  rig.worker.settle();
  CHECK(server.connections == 0);
  rig.line.open(*rig.own);
  rig.line.ask_renewal({0x30, 1});
  rig.line.close();
  rig.line.open(*rig.own);
  rig.line.ask_renewal({0x30, 2});
  CHECK(rig.worker.until([&] { return !server.questions().empty(); }));
  rig.line.close();
  rig.worker.settle();
  CHECK(rig.answers.size() <= 1);
}

}  // namespace
}  // namespace fairlead::agent
