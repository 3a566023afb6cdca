// What each service stands for with one rendezvous, over a session whose far end is the test.
#include "agent/session/registrations.h"

#include "tests/agent/session/scripted_session.h"

namespace fairlead::agent {
namespace {

using Kind = ServiceState::Kind;
constexpr WallTime kWall{std::chrono::seconds(1'900'000'000)};

ServiceConfig service(const std::string& name, std::vector<std::string> sni = {}) {
  return {.name = name, .target = HostPort{"127.0.0.1", 9}, .port = 443, .sni = std::move(sni)};
}

std::vector<std::pair<std::uint32_t, std::string>> claims(const std::vector<wire::Register>& said) {
  std::vector<std::pair<std::uint32_t, std::string>> out;
  for (const auto& each : said) out.emplace_back(each.claim, each.service);
  return out;
}
using Claims = std::vector<std::pair<std::uint32_t, std::string>>;

struct Rig : ScriptedSession {
  void register_all() {
    registrations.ask(session, now);
    for (const auto& each : said_only<wire::Register>()) registered(each.claim, each.service + ".home");
  }
  void registered(std::uint32_t claim, const std::string& name) {
    wire::Registered message{
        .claim = claim, .service = name, .public_addresses = {"rv:443"}, .sources = {"10.0.0.0/8"}};
    registrations.on_registered(message, "server:1", kWall);
  }
  auto refused(std::uint32_t claim, const std::string& code, std::chrono::seconds after) {
    return registrations.on_refused(claim, {std::nullopt, code, after, "why"}, now, kWall);
  }
  Kind kind(std::size_t index) const { return registrations.states()[index].kind; }

  Registrations registrations{{service("web"), service("db")}};
};

TEST_CASE("each service is asked for once") {
  Rig rig;
  rig.registrations.ask(rig.session, rig.now);
  CHECK(claims(rig.said_only<wire::Register>()) == Claims{{1, "web"}, {2, "db"}});
  CHECK(rig.kind(0) == Kind::asked);
  rig.registrations.ask(rig.session, rig.now);
  CHECK(rig.said_only<wire::Register>().empty());
  CHECK_FALSE(rig.registrations.deadline());
}

TEST_CASE("names that a rendezvous left out are kept with their reasons, and go with the next confirmation") {
  Rig rig;
  rig.register_all();
  wire::Registered without{.claim = 1, .service = "web.home"};
  without.refused_names = {"db.home", "x.example.com"};
  without.refused_reasons = {"policy_denied"};  // one too few: what has no reason is not believed
  rig.registrations.on_registered(without, "server:1", kWall);
  CHECK(rig.registrations.states()[0].kind == Kind::registered);
  CHECK(rig.registrations.states()[0].refused_names == std::vector<std::string>{"db.home (policy_denied)"});
  rig.registered(1, "web.home");
  CHECK(rig.registrations.states()[0].refused_names.empty());
}

TEST_CASE("what a rendezvous confirmed is kept as it said it") {
  Rig rig;
  rig.register_all();
  const ServiceState& web = rig.registrations.states()[0];
  CHECK(web.kind == Kind::registered);
  CHECK(web.name == "web.home");
  CHECK(web.address == "rv:443");
  CHECK(web.sources == std::vector<std::string>{"10.0.0.0/8"});
  CHECK(web.since == kWall);
  wire::Registered nowhere{.claim = 2, .service = "db.home"};
  CHECK(rig.registrations.on_registered(nowhere, "server:1", kWall)->address == "server:1");
  wire::Registered unknown{.claim = 7, .service = "other.home"};
  CHECK(rig.registrations.on_registered(unknown, "server:1", kWall) == nullptr);
}

TEST_CASE("what was refused is asked for again when its time has come, under its claim") {
  Rig rig;
  rig.registrations.ask(rig.session, rig.now);
  rig.said();
  const auto refused = rig.refused(2, "policy_denied", 30s);
  REQUIRE(refused);
  CHECK(refused->service.name == "db");
  CHECK(refused->news);
  CHECK(rig.kind(1) == Kind::refused);
  CHECK(rig.registrations.states()[1].reason == "policy_denied");
  CHECK(rig.registrations.deadline() == rig.now + 30s);
  rig.now += 29s;
  rig.registrations.ask(rig.session, rig.now);
  CHECK(rig.said_only<wire::Register>().empty());
  rig.now += 1s;
  rig.registrations.ask(rig.session, rig.now);
  CHECK(claims(rig.said_only<wire::Register>()) == Claims{{2, "db"}});
  CHECK_FALSE(rig.refused(9, "policy_denied", 30s));
}

TEST_CASE("the same refusal is news once, and then at growing intervals") {
  Rig rig;
  rig.registrations.ask(rig.session, rig.now);
  int lines = 0;
  for (int i = 0; i < 3600; ++i, rig.now += 1s) lines += rig.refused(2, "policy_denied", 0s)->news ? 1 : 0;
  CHECK(lines == 6);  // at 0, 1, 3, 7, 15 and 31 minutes
  CHECK(rig.refused(2, "name_taken", 0s)->news);
}

TEST_CASE("a changed configuration is told to the session that stands") {
  Rig rig;
  rig.register_all();

  SUBCASE("what did not change hears nothing") {
    rig.registrations.replace({service("web"), service("db")}, &rig.session);
    rig.registrations.ask(rig.session, rig.now);
    CHECK(rig.said().empty());
    CHECK(rig.kind(0) == Kind::registered);
  }
  SUBCASE("nor does what only the agent knows of") {
    ServiceConfig moved = service("web");
    moved.target = HostPort{"127.0.0.1", 10};
    rig.registrations.replace({moved, service("db")}, &rig.session);
    rig.registrations.ask(rig.session, rig.now);
    CHECK(rig.said().empty());
    CHECK(rig.kind(0) == Kind::registered);
  }
  SUBCASE("the order in the file is that of the states") {
    rig.registrations.replace({service("db"), service("web")}, &rig.session);
    CHECK(rig.registrations.states()[0].name == "db.home");
    CHECK(rig.said().empty());
  }
  SUBCASE("what is new is asked for") {
    rig.registrations.replace({service("new"), service("web"), service("db")}, &rig.session);
    rig.registrations.ask(rig.session, rig.now);
    CHECK(claims(rig.said_only<wire::Register>()) == Claims{{3, "new"}});
    CHECK(rig.kind(1) == Kind::registered);
  }
  SUBCASE("what changed takes the place of its claim") {
    rig.registrations.replace({service("web", {"nas.example.com"}), service("db")}, &rig.session);
    rig.registrations.ask(rig.session, rig.now);
    const auto said = rig.said_only<wire::Register>();
    CHECK(claims(said) == Claims{{1, "web"}});
    CHECK(said[0].sni == std::vector<std::string>{"nas.example.com"});
    rig.registered(1, "web.home");
    CHECK(rig.kind(0) == Kind::registered);
  }
  SUBCASE("what is gone is withdrawn, and its number is not used again") {
    rig.registrations.replace({service("web")}, &rig.session);
    rig.registrations.ask(rig.session, rig.now);
    const auto withdrawn = rig.said_only<wire::Unregister>();
    REQUIRE(withdrawn.size() == 1);
    CHECK(withdrawn[0].claim == 2);
    CHECK(rig.registrations.states().size() == 1);
    rig.registrations.replace({service("web"), service("db")}, &rig.session);
    rig.registrations.ask(rig.session, rig.now);
    CHECK(claims(rig.said_only<wire::Register>()) == Claims{{3, "db"}});
  }
}

TEST_CASE("without a session a changed configuration waits for the next one") {
  Rig rig;
  rig.register_all();
  rig.registrations.on_session_ended();
  CHECK(rig.kind(0) == Kind::idle);
  rig.registrations.replace({service("db"), service("new")}, nullptr);
  Rig next;
  rig.registrations.ask(next.session, next.now);
  CHECK(claims(next.said_only<wire::Register>()) == Claims{{1, "db"}, {2, "new"}});
}

}  // namespace
}  // namespace fairlead::agent
