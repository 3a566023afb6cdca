#include "agent/setting/cli.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace fairlead;
using namespace fairlead::agent;

namespace {

using Outcome = std::variant<CommandLine, config::Answer>;

Outcome parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "fairlead-agent");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

template <class T>
T command(std::vector<const char*> arguments) {
  const Outcome outcome = parse(std::move(arguments));
  if (const auto* answer = std::get_if<config::Answer>(&outcome)) FAIL(answer->err);
  return std::get<T>(std::get<CommandLine>(outcome).command);
}

// The one line of the complaint.
std::string refused(std::vector<const char*> arguments) {
  const Outcome outcome = parse(std::move(arguments));
  REQUIRE(std::holds_alternative<config::Answer>(outcome));
  const auto& answer = std::get<config::Answer>(outcome);
  CHECK(answer.exit_code == 2);
  CHECK(answer.out.empty());
  CHECK(std::ranges::count(answer.err, '\n') == 1);
  CHECK(answer.err.starts_with("fairlead-agent: "));
  return answer.err;
}

config::Answer told(std::vector<const char*> arguments) {
  const Outcome outcome = parse(std::move(arguments));
  REQUIRE(std::holds_alternative<config::Answer>(outcome));
  const auto& answer = std::get<config::Answer>(outcome);
  CHECK(answer.exit_code == 0);
  CHECK(answer.err.empty());
  return answer;
}

bool has(const std::string& text, std::string_view part) {
  CAPTURE(text);
  CAPTURE(part);
  const bool found = text.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

}  // namespace

TEST_CASE("run and check") {
  const auto run = command<RunCommand>({"run", "--config", "a.toml"});
  CHECK(run.config == "a.toml");
  CHECK(run.unknown_keys == config::UnknownKeys::refuse);
  CHECK(command<RunCommand>({"run", "--lenient", "--config=a.toml"}).unknown_keys == config::UnknownKeys::warn);
  CHECK(command<CheckCommand>({"check", "--config", "a.toml"}).config == "a.toml");
  has(refused({"run", "--config"}), "--config");
  has(refused({"check", "--config", "a", "--lenient"}), "--lenient");
  has(refused({"run", "--config", "a", "b"}), "b");
}

TEST_CASE("the configuration need not be named") {
  CHECK(command<RunCommand>({"run"}).config.empty());
  CHECK(command<CheckCommand>({"check"}).config.empty());
  CHECK(command<RunCommand>({"run", "--dir", "d"}).config == "d/agent.toml");
  CHECK(command<CheckCommand>({"check", "--dir=d"}).config == "d/agent.toml");
  CHECK(command<StatusCommand>({"status", "--dir", "d"}).config == "d/agent.toml");
  for (const char* name : {"run", "check", "status"}) {
    has(refused({name, "--config", "a", "--dir", "d"}), "--dir");
  }
  has(refused({"status", "--dir", "d", "--socket", "s"}), "--dir");
}

TEST_CASE("log options stand before or after the command") {
  for (const auto& arguments : {std::vector{"--log-level", "debug", "--log-format", "json", "run", "--config", "a"},
                                std::vector{"run", "--config", "a", "--log-level=debug", "--log-format=json"}}) {
    const Outcome outcome = parse(arguments);
    REQUIRE(std::holds_alternative<CommandLine>(outcome));
    CHECK(std::get<CommandLine>(outcome).log == config::LogOptions{Level::debug, LogFormat::json});
  }
  has(refused({"--log-level", "loud", "run", "--config", "a"}), "--log-level loud: allowed: trace, debug, info");
  has(refused({"--log-format", "xml", "run", "--config", "a"}), "--log-format xml: allowed: text, json");
}

TEST_CASE("help and version go to stdout") {
  CHECK(told({"--version"}).out == "fairlead-agent 0.1.0\n");
  CHECK(told({"run", "--version"}).out == "fairlead-agent 0.1.0\n");
  has(told({"run", "--help"}).out, "--version");
  const std::string help = told({"--help"}).out;
  for (const char* word : {"run", "check", "expose", "status", "explain", "--log-level", "--version", "Exit codes"})
    has(help, word);
  for (const char* name : {"run", "check", "join", "expose", "unexpose", "connect", "proxy", "status", "explain"}) {
    has(told({name, "--help"}).out, std::string("Example:\n  fairlead-agent ") + name);
  }
  has(told({"expose", "--help"}).out, "NAME=TARGET");
}

TEST_CASE("no command, an unknown one, one of a later version") {
  has(refused({}), "a command is missing; allowed: run, check");
  has(refused({"rnu"}), "rnu is not a command, the nearest is \"run\"; allowed: run, check");
  has(refused({"leave"}), "leave is not available in this version");
  has(refused({"--nope"}), "--nope");
  has(refused({"run", "--nope", "--config", "a"}), "--nope");
  has(refused({""}), "is not a command");
  has(refused({"run\n", "--config", "a"}), "is not a command");
}

TEST_CASE("proxy") {
  const auto plain = command<ProxyCommand>({"proxy"});
  CHECK(plain.listen.empty());
  CHECK_FALSE(plain.given.has_value());
  const auto wide = command<ProxyCommand>({"proxy", "0.0.0.0:1080", "--json", "--config", "a.toml"});
  CHECK(wide.listen == "0.0.0.0:1080");
  CHECK(wide.config == "a.toml");
  CHECK(wide.format == config::AnswerFormat::json);
  const auto given = command<ProxyCommand>({"proxy", "--rendezvous", "rv:1", "--cert", "c", "--key", "k", "--ca", "a"});
  REQUIRE(given.given.has_value());
  CHECK(given.given->rendezvous == std::vector<HostPort>{{"rv", 1}});
  CHECK(given.given->identity == IdentityConfig{"c", "k", "a"});
  has(refused({"proxy", "--cert", "c"}), "proxy without --config needs --rendezvous, --cert, --key and --ca");
  has(refused({"proxy", "1", "2"}), "2 was not expected");
}

TEST_CASE("connect") {
  const auto plain = command<ConnectCommand>({"connect", "web.home", "--check"});
  CHECK(plain.name == "web.home");
  CHECK(plain.expect.empty());
  CHECK_FALSE(plain.given);
  const auto file = command<ConnectCommand>({"connect", "web.home", "--check", "--json", "--config", "a.toml",
                                             "--expect", "spiffe://a/b", "--expect", "spiffe://a/c"});
  CHECK(file.config == "a.toml");
  CHECK(file.expect == std::vector<std::string>{"spiffe://a/b", "spiffe://a/c"});
  CHECK(file.format == config::AnswerFormat::json);
  const auto given = command<ConnectCommand>(
      {"connect", "web.home", "--check", "--rendezvous", "rv:1", "--cert", "c", "--key", "k", "--ca", "a"});
  REQUIRE(given.given);
  CHECK(given.given->rendezvous == std::vector<HostPort>{{"rv", 1}});
  CHECK(given.given->identity.key == "k");

  CHECK(command<ConnectCommand>({"connect", "web.home", "9000"}).listen == "9000");
  CHECK(command<ConnectCommand>({"connect", "web.home"}).from == CallFrom::listener);
  CHECK(plain.from == CallFrom::check);
  CHECK(command<ConnectCommand>({"connect", "web.home", "--stdio"}).from == CallFrom::stdio);
  has(refused({"connect", "web.home", "--stdio", "--check"}), "exclude each other");
  has(refused({"connect", "web.home", "9000", "--stdio"}), "9000");

  has(refused({"connect", "--check"}), "name is missing");
  has(refused({"connect", "web.home", "9000", "9001"}), "9001 was not expected");
  has(refused({"connect", "web.home", "9000", "--check"}), "9000");
  has(refused({"connect", "web.home", "--check", "--cert", "c"}), "--rendezvous, --cert, --key and --ca");
  has(refused({"connect", "web.home", "--check", "--rendezvous", "rv:1", "--cert", "c", "--key", "k", "--ca", "a",
               "--config", "a.toml"}),
      "not both");
  has(refused({"connect", "web.home", "--check", "--rendezvous", "rv", "--cert", "c", "--key", "k", "--ca", "a"}),
      "--rendezvous rv: allowed");
}

TEST_CASE("probe") {
  const auto plain = command<ProbeCommand>({"probe"});
  CHECK(plain.config.empty());
  CHECK(plain.rendezvous.empty());
  const auto full = command<ProbeCommand>(
      {"probe", "--config", "a.toml", "--rendezvous", "rv.example.com:1", "--rendezvous", "[::1]:2", "--json"});
  CHECK(full.config == "a.toml");
  REQUIRE(full.rendezvous.size() == 2);
  CHECK(full.rendezvous[1] == HostPort{"::1", 2});
  CHECK(full.format == config::AnswerFormat::json);
  has(refused({"probe", "--rendezvous", "rv"}), "--rendezvous rv: allowed: ");
}

TEST_CASE("status") {
  const auto plain = command<StatusCommand>({"status"});
  CHECK(plain.config.empty());
  CHECK(plain.socket.empty());
  CHECK(plain.format == config::AnswerFormat::text);
  const auto json = command<StatusCommand>({"status", "--json", "--config", "a.toml"});
  CHECK(json.config == "a.toml");
  CHECK(json.format == config::AnswerFormat::json);
  CHECK(command<StatusCommand>({"status", "--socket", "unix:/run/x"}).socket == "/run/x");
  has(refused({"status", "--config", "a", "--socket", "b"}), "--socket");
  has(refused({"status", "services"}), "services");
}

TEST_CASE("join takes its token from one place") {
  const auto plain = command<JoinCommand>({"join", "fl1_x"});
  CHECK(plain.token == "fl1_x");
  CHECK(plain.token_file.empty());
  CHECK((plain.name.empty() && plain.dir.empty()));
  CHECK(plain.again == Again::no);
  const auto full =
      command<JoinCommand>({"join", "--token-file", "-", "--name", "nas1", "--dir", "d", "--again", "--json"});
  CHECK(full.token_file == "-");
  CHECK(full.name == "nas1");
  CHECK(full.dir == "d");
  CHECK(full.again == Again::yes);
  CHECK(full.format == config::AnswerFormat::json);
  has(refused({"join"}), "one of TOKEN and --token-file");
  has(refused({"join", "fl1_x", "--token-file", "f"}), "one of TOKEN and --token-file");
  has(refused({"join", "fl1_x", "--name", "Nas.1"}), "--name Nas.1: allowed: one label");
}

TEST_CASE("explain") {
  CHECK(command<ExplainCommand>({"explain", "no_answer"}).code == "no_answer");
  CHECK(command<ExplainCommand>({"explain"}).code.empty());
  CHECK(command<ExplainCommand>({"explain", "no_answer", "--json"}).format == config::AnswerFormat::json);
  has(refused({"explain", "a", "b"}), "b");
}

TEST_CASE("expose with a server and an identity makes a configuration") {
  const auto expose = command<ExposeCommand>({"expose", "web=127.0.0.1:8443", "db=unix:/run/db", "--rendezvous", "rv:1",
                                              "--rendezvous", "[::1]:2", "--cert", "c", "--key", "k", "--ca", "a",
                                              "--cluster", "home", "--name", "nas1", "--json"});
  CHECK(expose.format == config::AnswerFormat::json);
  REQUIRE(expose.given);
  CHECK(expose.given->name == "nas1");
  CHECK(expose.given->cluster == "home");
  CHECK(expose.given->identity == IdentityConfig{"c", "k", "a"});
  CHECK(expose.given->rendezvous == std::vector<HostPort>{{"rv", 1}, {"::1", 2}});
  REQUIRE(expose.services.size() == 2);
  CHECK(expose.services[1].target == Target{UnixPath{"/run/db"}});
  CHECK(expose.given->state_dir.empty());
  CHECK(expose.given->control_path.empty());

  // Options in front of the targets do not swallow them.
  const auto turned = command<ExposeCommand>(
      {"expose", "--cert", "c", "--key", "k", "--ca", "a", "--rendezvous", "rv:1", "web=a:1", "db=b:2"});
  CHECK(turned.services.size() == 2);
  CHECK(turned.given->cluster.empty());
}

TEST_CASE("expose at the agent of a configuration") {
  const auto plain = command<ExposeCommand>({"expose", "db=tcp://a:1", "web=a:2", "--allow", "mesh"});
  CHECK_FALSE(plain.given);
  CHECK(plain.config.empty());
  CHECK(plain.socket.empty());
  CHECK(plain.services[0].allow == std::vector<std::string>{"mesh"});
  CHECK(plain.services[1].allow == ServiceConfig().allow);
  CHECK(command<ExposeCommand>({"expose", "db=a:1", "--dir", "d"}).config == "d/agent.toml");
  CHECK(command<ExposeCommand>({"expose", "db=a:1", "--config", "a.toml"}).config == "a.toml");
  CHECK(command<ExposeCommand>({"expose", "db=a:1", "--socket", "unix:/run/x"}).socket == "/run/x");
}

TEST_CASE("expose refuses") {
  const auto expose = [](std::vector<const char*> more, const char* rendezvous = "rv:1") {
    std::vector<const char*> all{"expose", "--rendezvous", rendezvous, "--cert", "c", "--key", "k", "--ca", "a"};
    all.insert(all.end(), more.begin(), more.end());
    return refused(all);
  };
  has(expose({}), "targets");
  has(expose({"web"}), "web: is not NAME=TARGET");
  has(expose({"web=https://127.0.0.1:80"}), "write tls://");
  has(expose({"web=tcp://127.0.0.1:80", "--allow", "all"}), "--allow all: allowed: ");
  has(expose({"web=127.0.0.1:80", "--allow", "mesh"}), "--allow: is for services whose TLS ends here");
  has(expose({"web=a:1", "web=a:2"}), "web=a:2: the name stands here twice");
  has(expose({"web=a:1", "--name", "A"}), "--name A: allowed: one label");
  has(expose({"web=a:1", "--cluster", "a.b"}), "--cluster a.b: allowed: one label");
  has(expose({"web=a:1"}, "rv"), "--rendezvous rv: allowed: HOST:PORT");
  has(expose({"web=a:1"}, "rv:0"), "--rendezvous rv:0: allowed: HOST:PORT");
  std::vector<const char*> nine{"web=a:1"};
  for (int i = 0; i < 8; ++i) nine.insert(nine.end(), {"--rendezvous", "rv:2"});
  has(expose(nine), "at most 8");
  constexpr const char* kAll = "expose without --config needs --rendezvous, --cert, --key and --ca";
  has(refused({"expose", "web=a:1", "--cert", "c", "--key", "k", "--ca", "a"}), kAll);
  has(refused({"expose", "web=a:1", "--rendezvous", "rv:1"}), kAll);
  for (const char* other : {"--config", "--dir", "--socket"}) has(expose({"web=a:1", other, "x"}), "not both");
  has(refused({"expose", "web=a:1", "--config", "a", "--socket", "b"}), "exclude each other");
  has(refused({"expose", "web=a:1", "--name", "nas1"}), "--name: stands in the configuration");
  has(refused({"expose", "web=a:1", "--cluster", "home"}), "--cluster: stands in the configuration");
}

TEST_CASE("unexpose") {
  const auto plain = command<UnexposeCommand>({"unexpose", "web"});
  CHECK(plain.name == "web");
  CHECK((plain.config.empty() && plain.socket.empty()));
  const auto full = command<UnexposeCommand>({"unexpose", "web", "--dir", "d", "--json"});
  CHECK(full.config == "d/agent.toml");
  CHECK(full.format == config::AnswerFormat::json);
  has(refused({"unexpose"}), "name is missing");
  has(refused({"unexpose", "web=a:1"}), "web=a:1: allowed: one label");
  has(refused({"unexpose", "../web"}), "../web: allowed: one label");
}
