#include "agent/setting/config.h"
#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

Result<Loaded> parse(const std::string& egress) {
  const std::string least =
      "[agent]\nrendezvous = ['rv.example.com:15443']\n[identity]\ncert = 'a.crt'\nkey = 'a.key'\nca = 'ca.crt'\n";
  return parse_config(least + egress, "/etc/agent.toml", config::UnknownKeys::refuse,
                      [](const std::string&) { return std::optional<std::string>(); });
}

std::vector<EgressConfig> read(const std::string& egress) {
  const auto parsed = parse(egress);
  REQUIRE_MESSAGE(parsed, parsed.error().detail);
  return parsed->config.egress;
}

std::string refusal(const std::string& egress) {
  const auto parsed = parse("[[egress]]\n" + egress);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().reason == Reason::config_invalid);
  return parsed.error().detail;
}

TEST_CASE("none, or several, in the order of the file") {
  CHECK(read("").empty());
  const auto egress = read(
      "[[egress]]\nname = 'DB.office'\nlisten = '127.0.0.1:5432'\n"
      "[[egress]]\nname = 'web.home'\nlisten = 'unix:web.sock'\n"
      "[[egress]]\nname = 'web.home:443'\nlisten = '0'\n[[egress]]\nname = 'web.home'\nlisten = '0'\n");
  REQUIRE(egress.size() == 4);
  CHECK(egress[0] == EgressConfig{*read_called_name("db.office", {}), *SocketAddress::parse("127.0.0.1:5432")});
  CHECK(egress[1].listen == ListenAddress(UnixPath{"/etc/web.sock"}));
  CHECK(egress[2] == egress[3]);
  CHECK(egress[2].name.sni == "web.home");
}

TEST_CASE("another name is called when it is said who may answer") {
  const auto egress =
      read("[[egress]]\nname = 'web.default.svc.cluster.local'\nlisten = '[::1]:80'\nexpect = ['spiffe://a/web']\n");
  CHECK(egress[0].name.expected == std::vector<std::string>{"spiffe://a/web"});
  CHECK(refusal("name = 'web.default.svc.cluster.local'\nlisten = '80'\n")
            .starts_with("/etc/agent.toml:8: egress[1].name: "));
}

TEST_CASE("what is missing or cannot be is refused where it stands") {
  CHECK(refusal("listen = '80'\n").starts_with("/etc/agent.toml:7: egress[1].name: is missing"));
  CHECK(refusal("name = 'web.home'\n").starts_with("/etc/agent.toml:7: egress[1].listen: is missing"));
  CHECK(refusal("name = '192.0.2.1'\nlisten = '80'\n").starts_with("/etc/agent.toml:8: egress[1].name: "));
  for (const char* listen : {"web:80", "127.0.0.1", "70000", "unix:"}) {
    CAPTURE(listen);
    CHECK(refusal("name = 'web.home'\nlisten = '" + std::string(listen) + "'\n")
              .starts_with("/etc/agent.toml:9: egress[1].listen: "));
  }
  CHECK(refusal("name = 'web.home'\nlisten = '80'\nexpect = ['https://a/b']\n")
            .starts_with("/etc/agent.toml:10: egress[1].expect"));
  CHECK(refusal("name = 'web.home'\nlisten = '80'\nvia = 'https://lb.example.com/'\n").find("via") !=
        std::string::npos);
}

TEST_CASE("the proxy's port") {
  const auto proxy = [](const std::string& text) { return parse(text).value().config.proxy; };
  CHECK_FALSE(proxy("").has_value());
  CHECK_FALSE(proxy("[proxy]\n").has_value());
  CHECK_FALSE(proxy("[proxy]\nlisten = ''\n").has_value());
  CHECK(proxy("[proxy]\nlisten = '1080'\n") == ListenAddress(*SocketAddress::parse("127.0.0.1:1080")));
  CHECK(proxy("[proxy]\nlisten = 'unix:p.sock'\n") == ListenAddress(UnixPath{"/etc/p.sock"}));
  CHECK(refusal("name = 'web.home'\nlisten = '80'\n[proxy]\nlisten = 'x'\n")
            .starts_with("/etc/agent.toml:11: proxy.listen: "));
  CHECK(refusal("name = 'web.home'\nlisten = '80'\n[proxy]\nlisten = '80'\n")
            .starts_with("/etc/agent.toml:11: proxy.listen: "));
}

TEST_CASE("a port that leads to a service whose target it is would go round in circles") {
  const auto with = [](const std::string& name, const std::string& listen, const std::string& target) {
    return parse("[[service]]\nname = 'web'\ntarget = '" + target + "'\n[[egress]]\nname = '" + name + "'\nlisten = '" +
                 listen + "'\n");
  };
  for (const char* name : {"web.home", "nas1.web.home"}) {
    for (const char* listen : {"9000", "0.0.0.0:9000"}) {
      const auto loop = with(name, listen, "127.0.0.1:9000");
      REQUIRE_FALSE(loop);
      CHECK(loop.error().detail.starts_with("/etc/agent.toml:12: egress[1].listen: is the target of the service web"));
    }
    CHECK_FALSE(with(name, "unix:/run/web.sock", "unix:/run/web.sock"));
    CHECK_FALSE(with(name, "9000", "localhost:9000"));
  }
  CHECK(with("db.office", "9000", "127.0.0.1:9000"));  // somebody else's, under a name of ours
  CHECK(with("web.home", "9001", "127.0.0.1:9000"));
  CHECK(with("web.home", "127.0.0.2:9000", "127.0.0.1:9000"));
}

TEST_CASE("two on one address are refused") {
  CHECK(refusal("name = 'web.home'\nlisten = '80'\n[[egress]]\nname = 'db.home'\nlisten = '127.0.0.1:80'\n")
            .starts_with("/etc/agent.toml:12: egress[2].listen: "));
}

}  // namespace
}  // namespace fairlead::agent
