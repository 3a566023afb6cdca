#include "rendezvous/setting/cli.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace fairlead;
using namespace fairlead::rendezvous;

namespace {

using Outcome = std::variant<CommandLine, config::Answer>;

Outcome parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "fairlead-rendezvous");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

template <class T>
T command(std::vector<const char*> arguments) {
  const Outcome outcome = parse(std::move(arguments));
  if (const auto* answer = std::get_if<config::Answer>(&outcome)) FAIL(answer->err);
  return std::get<T>(std::get<CommandLine>(outcome).command);
}

// Must be refused with one line that holds `part`.
void refused(std::vector<const char*> arguments, std::string_view part) {
  const Outcome outcome = parse(std::move(arguments));
  REQUIRE(std::holds_alternative<config::Answer>(outcome));
  const auto& answer = std::get<config::Answer>(outcome);
  CAPTURE(answer.err);
  CAPTURE(part);
  CHECK(answer.exit_code == 2);
  CHECK(answer.out.empty());
  CHECK(std::ranges::count(answer.err, '\n') == 1);
  CHECK(answer.err.starts_with("fairlead-rendezvous"));
  CHECK(answer.err.find(part) != std::string::npos);
}

std::string told(std::vector<const char*> arguments) {
  const Outcome outcome = parse(std::move(arguments));
  REQUIRE(std::holds_alternative<config::Answer>(outcome));
  const auto& answer = std::get<config::Answer>(outcome);
  CHECK(answer.exit_code == 0);
  CHECK(answer.err.empty());
  return answer.out;
}

}  // namespace

TEST_CASE("run and check") {
  CHECK(command<RunCommand>({"run", "--config", "a.toml"}).config == "a.toml");
  CHECK(command<CheckCommand>({"check", "--config", "a.toml"}).config == "a.toml");
  refused({"run", "--config", "a", "--lenient"}, "--lenient");
  refused({"run", "--config", "a", "extra"}, "extra");
  refused({"run", "check", "--config", "a"}, "check");
}

TEST_CASE("the configuration need not be named") {
  CHECK(command<RunCommand>({"run"}).config.empty());
  CHECK(command<CheckCommand>({"check"}).config.empty());
  CHECK(command<RunCommand>({"run", "--dir", "d"}).config == "d/rendezvous.toml");
  CHECK(command<CheckCommand>({"check", "--dir=d"}).config == "d/rendezvous.toml");
  CHECK(command<StatusCommand>({"status", "--dir", "d"}).config == "d/rendezvous.toml");
  for (const char* name : {"run", "check", "status"}) {
    refused({name, "--config", "a", "--dir", "d"}, "--dir");
  }
  refused({"status", "--dir", "d", "--socket", "s"}, "--dir");
}

TEST_CASE("log options") {
  const Outcome outcome = parse({"--log-format", "json", "run", "--config", "a", "--log-level", "warn"});
  REQUIRE(std::holds_alternative<CommandLine>(outcome));
  CHECK(std::get<CommandLine>(outcome).log == config::LogOptions{Level::warn, LogFormat::json});
  refused({"--log-level", "9", "run", "--config", "a"}, "--log-level 9: allowed: trace");
}

TEST_CASE("help and version go to stdout") {
  CHECK(told({"--version"}) == "fairlead-rendezvous 0.1.0\n");
  const std::string help = told({"--help"});
  for (const char* word : {"run", "check", "ca", "status", "explain", "--log-format", "Exit codes"}) {
    CAPTURE(word);
    CHECK(help.find(word) != std::string::npos);
  }
  for (const char* name : {"run", "check", "status", "explain"}) {
    CHECK(told({name, "--help"}).find(std::string("Example:\n  fairlead-rendezvous ") + name) != std::string::npos);
  }
  CHECK(told({"ca", "--help"}).find("issue") != std::string::npos);
  CHECK(told({"ca", "init", "--help"}).find("--trust-domain") != std::string::npos);
  CHECK(told({"ca", "issue", "--help"}).find("Example:\n") != std::string::npos);
}

TEST_CASE("no command, an unknown one, one of a later version") {
  refused({}, "a command is missing; allowed: setup, run, check, ca");
  refused({"stauts"}, "stauts is not a command, the nearest is \"status\"");
  refused({"why", "web.home"}, "why is not available in this version");
  refused({"token"}, " token: a command is missing; allowed: create, list, revoke");
  refused({"--nope"}, "--nope");
  refused({"ca"}, " ca: a command is missing; allowed: init, issue");
  refused({"ca", "isue"}, " ca: isue is not a command, the nearest is \"issue\"");
  refused({"ca", "--nope"}, "--nope is not an option");
}

TEST_CASE("setup") {
  const auto plain = command<SetupCommand>({"setup", "--public", "RV.example.com"});
  CHECK(plain.host == "rv.example.com");
  CHECK(plain.port == 0);
  CHECK(plain.cluster == "home");
  const auto whole = command<SetupCommand>({"setup", "--public", "[2001:db8::1]:8443", "--trust-domain", "example.org",
                                            "--cluster", "office", "--dir", "d"});
  CHECK(whole.host == "2001:db8::1");
  CHECK(whole.port == 8443);
  CHECK(whole.trust_domain == "example.org");
  CHECK(whole.cluster == "office");
  CHECK(whole.dir == "d");
  CHECK(command<SetupCommand>({"setup", "--public", "2001:db8::1"}).host == "2001:db8::1");
  refused({"setup"}, "--public");
  refused({"setup", "--public", "a b"}, "--public a b: allowed: ");
  refused({"setup", "--public", "a:0"}, "--public a:0: allowed: ");
  refused({"setup", "--public", "a", "--cluster", "b.c"}, "--cluster b.c: allowed: ");
}

TEST_CASE("token") {
  const auto plain = command<TokenCommand>({"token", "create", "--config", "a"});
  CHECK(plain.act == TokenAct::create);
  CHECK(plain.config == "a");
  CHECK(plain.name == "*");
  CHECK(plain.uses == 1);
  CHECK(plain.ttl == 15min);
  CHECK(plain.services.empty());
  const auto fleet = command<TokenCommand>({"token", "create", "--config", "a", "--cluster", "home", "--name", "dev-*",
                                            "--services", "web.home,*.office", "--uses", "9", "--ttl", "30d"});
  CHECK(fleet.cluster == "home");
  CHECK(fleet.name == "dev-*");
  CHECK(fleet.services == std::vector<std::string>{"web.home", "*.office"});
  CHECK(fleet.uses == 9);
  CHECK(fleet.ttl == 24h * 30);
  CHECK(command<TokenCommand>({"token", "list", "--config", "a", "--json"}).format == config::AnswerFormat::json);
  CHECK(command<TokenCommand>({"token", "revoke", "x", "--config", "a"}).id == "x");
  refused({"token", "create", "--config", "a", "--cluster", "a.b"}, "--cluster a.b: allowed: ");
  refused({"token", "create", "--config", "a", "--name", "a.b"}, "--name a.b: allowed: ");
  refused({"token", "create", "--config", "a", "--services", "web"}, "--services web: allowed: ");
  refused({"token", "create", "--config", "a", "--uses", "0"}, "--uses 0: allowed: ");
  refused({"token", "create", "--config", "a", "--ttl", "9"}, "--ttl 9: allowed: ");
  refused({"token", "revoke", "--config", "a"}, "id");
}

TEST_CASE("revoke and unrevoke") {
  const auto revoke = command<RevokeCommand>({"revoke", "nas1.home", "--config", "a", "--json"});
  CHECK(revoke.act == RevokeAct::revoke);
  CHECK(revoke.id == "nas1.home");
  CHECK(revoke.config == "a");
  CHECK(revoke.format == config::AnswerFormat::json);
  const auto back = command<RevokeCommand>({"unrevoke", "spiffe://td/agent/home/nas1", "--config", "a"});
  CHECK(back.act == RevokeAct::unrevoke);
  CHECK(back.id == "spiffe://td/agent/home/nas1");
  for (const char* id : {"nas1", "a.b.c", ".home", "nas1.", "Nas1.home", "https://td/x"}) {
    refused({"revoke", id, "--config", "a"}, std::string(id) + ": allowed: ENDPOINT.CLUSTER");
  }
  refused({"revoke", "--config", "a"}, "id");
}

TEST_CASE("ca init") {
  const auto init = command<CaInitCommand>({"ca", "init", "--dir", "d", "--trust-domain", "example.org"});
  CHECK(init.dir == "d");
  CHECK(init.trust_domain == "example.org");
  refused({"ca", "init", "--dir", "d"}, "--trust-domain");
  refused({"ca", "init", "--trust-domain", "a"}, "--dir");
  refused({"ca", "init", "--dir", "d", "--trust-domain", "Example.org"}, "--trust-domain Example.org: allowed: ");
  refused({"ca", "init", "--dir", "d", "--trust-domain", "spiffe://a"}, "--trust-domain spiffe://a: allowed: ");
}

TEST_CASE("ca issue") {
  const auto issue = command<CaIssueCommand>({"ca", "issue", "--dir", "d", "--id", "spiffe://td/agent/home/nas1",
                                              "--dns", "A.example.", "--dns", "b", "--ip", "192.0.2.1", "--ip", "::1",
                                              "--days", "30", "--out", "nas1"});
  CHECK(issue.dir == "d");
  CHECK(issue.id == "spiffe://td/agent/home/nas1");
  CHECK(issue.dns == std::vector<std::string>{"a.example", "b"});
  CHECK(issue.ips == std::vector{*IpAddress::parse("192.0.2.1"), *IpAddress::parse("::1")});
  CHECK(issue.days == 30);
  CHECK(issue.out == "nas1");
  CHECK(command<CaIssueCommand>({"ca", "issue", "--dir", "d", "--id", "spiffe://td/a", "--out", "o"}).days == 90);

  const auto wrong = [](std::vector<const char*> more, const char* id, std::string_view part) {
    std::vector<const char*> all{"ca", "issue", "--dir", "d", "--out", "o", "--id", id};
    all.insert(all.end(), more.begin(), more.end());
    refused(all, part);
  };
  wrong({}, "nas1", "--id nas1: allowed: spiffe://");
  wrong({}, "spiffe://td", "--id spiffe://td: allowed: ");
  wrong({}, "spiffe://td/", "--id spiffe://td/: allowed: ");
  wrong({"--days", "0"}, "spiffe://td/a", "--days 0: allowed: 1 to 825");
  wrong({"--days", "826"}, "spiffe://td/a", "--days 826: allowed: 1 to 825");
  wrong({"--days", "9125"}, "spiffe://td/a", "--days 9125: allowed: 1 to 825");
  wrong({"--days", "ten"}, "spiffe://td/a", "--days");
  wrong({"--days", "99999999999999999999"}, "spiffe://td/a", "--days");
  wrong({"--dns", "a_b"}, "spiffe://td/a", "--dns a_b: allowed: ");
  wrong({"--ip", "300.0.0.1"}, "spiffe://td/a", "--ip 300.0.0.1: allowed: ");
  wrong({"--ip", "host"}, "spiffe://td/a", "--ip host: allowed: ");
  wrong({"stray"}, "spiffe://td/a", "stray");
  refused({"ca", "issue", "--dir", "d", "--id", "spiffe://td/a"}, "--out");
}

TEST_CASE("status") {
  CHECK(command<StatusCommand>({"status"}).view == StatusView::summary);
  const auto agents = command<StatusCommand>(
      {"status", "agents", "--agent", "nas*", "--service", "*.home", "--limit", "5", "--json", "--socket", "/s"});
  CHECK(agents.view == StatusView::agents);
  CHECK(agents.agent == "nas*");
  CHECK(agents.service == "*.home");
  CHECK(agents.limit == 5);
  CHECK(agents.socket == "/s");
  CHECK(agents.format == config::AnswerFormat::json);
  CHECK(command<StatusCommand>({"status", "services"}).view == StatusView::services);
  CHECK(command<StatusCommand>({"status", "--json", "relays", "--config", "c"}).view == StatusView::relays);
  refused({"status", "sessions"}, "status sessions: allowed: agents, services, relays");
  refused({"status", "--limit", "-1"}, "--limit");
  refused({"status", "--limit", "x"}, "--limit");
  refused({"status", "--config", "a", "--socket", "b"}, "--socket");
  refused({"status", "agents", "services"}, "services");
}

TEST_CASE("explain") {
  CHECK(command<ExplainCommand>({"explain"}).code.empty());
  CHECK(command<ExplainCommand>({"explain", "no_answer", "--json"}).format == config::AnswerFormat::json);
}
