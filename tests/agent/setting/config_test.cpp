#include "agent/setting/config.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

using namespace fairlead;
using namespace fairlead::agent;
using config::UnknownKeys;

namespace {

const std::string kLeast =
    "[agent]\n"
    "rendezvous = ['rv.example.com:15443']\n"
    "[identity]\n"
    "cert = 'a.crt'\n"
    "key = 'a.key'\n"
    "ca = 'ca.crt'\n";  // 6 lines: what a test adds begins on line 7

constexpr const char* kPath = "/etc/agent.toml";

Result<Loaded> parse(const std::string& text, UnknownKeys unknown = UnknownKeys::refuse) {
  return parse_config(text, kPath, unknown, [](const std::string&) { return std::optional<std::string>(); });
}

std::string error_of(const std::string& added) {
  const auto parsed = parse(kLeast + added);
  if (parsed) return "";
  CHECK(parsed.error().reason == Reason::config_invalid);
  CHECK(parsed.error().detail.find('\n') == std::string::npos);
  return parsed.error().detail;
}

// With one service whose lines after the name and target are `added`, beginning on line 10.
std::string service_error(const std::string& added, const std::string& target = "127.0.0.1:8443") {
  return error_of("[[service]]\nname = 'web'\ntarget = '" + target + "'\n" + added);
}

// `begin` is `LINE: KEY: what is wrong`, `allowed` a part of what follows "; allowed: ".
void check_refused(const std::string& error, const std::string& begin, const std::string& allowed) {
  CAPTURE(error);
  CHECK(error.starts_with("/etc/agent.toml:" + begin));
  const auto at = error.find("; allowed: ");
  REQUIRE(at != std::string::npos);
  CHECK(error.find(allowed, at) != std::string::npos);
}

}  // namespace

TEST_CASE("the least configuration has the documented defaults") {
  const auto parsed = parse(kLeast);
  REQUIRE(parsed);
  AgentConfig expected;
  expected.rendezvous = {{"rv.example.com", 15443}};
  expected.identity = {"/etc/a.crt", "/etc/a.key", "/etc/ca.crt"};
  CHECK(parsed->config == expected);
  CHECK(parsed->warnings.empty());
  CHECK(expected.rendezvous_id == "spiffe://{trust_domain}/rendezvous/*");
  CHECK(expected.limits.idle_timeout == 1h);
  CHECK(expected.pool.max == 32);
}

TEST_CASE("the packaged sample holds the defaults") {
  std::ifstream file(SAMPLE_FILE);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto parsed = parse(text);
  REQUIRE(parsed);
  AgentConfig expected;
  expected.rendezvous = {{"rv.example.com", 15443}};
  expected.identity = {"/etc/fairlead/agent.crt", "/etc/fairlead/agent.key", "/etc/fairlead/ca.crt"};
  CHECK(parsed->config == expected);

  // The commented service is one that can be used as it stands.
  for (std::size_t at = 0; (at = text.find("\n#", at)) != std::string::npos; ++at) {
    const char next = text[at + 2];
    if (next != ' ') text.erase(at + 1, 1);
  }
  const auto whole = parse(text);
  REQUIRE(whole);
  ServiceConfig service;
  service.name = "web";
  service.target = HostPort{"127.0.0.1", 8443};
  service.port = 8443;
  service.file = kPath;
  CHECK(whole->config.services == std::vector{service});
}

TEST_CASE("every key is read") {
  const auto parsed = parse(
      "[agent]\nname = 'nas1'\ncluster = 'home'\nrendezvous = ['[2001:db8::1]:1', 'b:2']\n"
      "rendezvous_id = 'spiffe://td/rv/**'\nrendezvous_networks = ['10.0.0.0/8']\nstate_dir = 'state'\ncontrol = "
      "'unix:c.sock'\ndrain_timeout = '1s'\n"
      "[identity]\ncert = '/c'\nkey = '/k'\nca = '/a'\nrenew = 'off'\n"
      "[nat]\nmapping = ['upnp', 'pcp']\nlisten = ['[::]:7']\nexternal_port = 9\ninterfaces = ['eth0']\n"
      "[pool]\nmin = 0\nmax = 1024\n"
      "[limits]\nrelays_max = 5\nconnect_timeout = '1s'\nhandshake_timeout = '2s'\nidle_timeout = '3d'\n"
      "half_close_timeout = '4s'\nfirst_flight_timeout = '6s'\nping_interval = '5s'\nmemory = '8MiB'\n"
      "[[service]]\nname = 'web'\ntarget = 'unix:/run/web'\ntls = 'passthrough'\nmutual = 'unchecked'\n"
      "host = 'Web.Default.svc.cluster.local.'\nport = 443\nsni = ['nas.Example.com']\nsubsets = ['v1']\n"
      "proxy_protocol = 'v2'\n"
      "[[service]]\nname = 'db'\ntarget = '[::1]:5432'\nproxy_protocol = 'v1'\n"
      "[x-notes]\nanything = 1\n");
  REQUIRE(parsed);
  const AgentConfig& config = parsed->config;
  CHECK(config.name == "nas1");
  CHECK(config.cluster == "home");
  CHECK(config.rendezvous == std::vector<HostPort>{{"2001:db8::1", 1}, {"b", 2}});
  CHECK(config.rendezvous_id == "spiffe://td/rv/**");
  CHECK(config.rendezvous_networks == std::vector{*Cidr::parse("10.0.0.0/8")});
  CHECK(config.state_dir == "/etc/state");
  CHECK(config.control_path == "/etc/c.sock");
  CHECK(config.drain_timeout == 1s);
  CHECK(config.identity == IdentityConfig{"/c", "/k", "/a"});
  CHECK(config.renewal == Renewal::off);
  CHECK(config.nat.mapping == std::vector{MappingProtocol::upnp, MappingProtocol::pcp});
  CHECK(config.nat.listen == std::vector{*SocketAddress::parse("[::]:7")});
  CHECK(config.nat.external_port == 9);
  CHECK(config.nat.interfaces == std::vector<std::string>{"eth0"});
  CHECK(config.pool == PoolConfig{0, 1024});
  CHECK(config.limits == Limits{5, 1s, 2s, 72h, 4s, 6s, 5s, 8 * 1024 * 1024});
  REQUIRE(config.services.size() == 2);
  CHECK(config.services[0] == ServiceConfig{.name = "web",
                                            .target = UnixPath{"/run/web"},
                                            .tls = Tls::passthrough,
                                            .mutual = Mutual::unchecked,
                                            .host = "web.default.svc.cluster.local",
                                            .port = 443,
                                            .sni = {"nas.example.com"},
                                            .subsets = {"v1"},
                                            .proxy_protocol = ProxyProtocol::v2,
                                            .file = kPath});
  CHECK(config.services[1].target == Target{HostPort{"::1", 5432}});
  CHECK(config.services[1].port == 5432);
  CHECK(to_string(config.services[0].target) == "unix:/run/web");
  CHECK(to_string(config.services[1].target) == "[::1]:5432");
}

TEST_CASE("mapping is a word or a list") {
  CHECK(parse(kLeast + "[nat]\nmapping = 'auto'\n")->config.nat.mapping.size() == 3);
  CHECK(parse(kLeast + "[nat]\nmapping = 'off'\n")->config.nat.mapping.empty());
  CHECK(parse(kLeast + "[nat]\nlisten = []\n")->config.nat.listen.empty());
}

TEST_CASE("what is missing is named") {
  CHECK(parse("").error().detail == "/etc/agent.toml:1: agent.rendezvous: is missing; allowed: 1 to 8 of HOST:PORT");
  CHECK(parse("\n[agent]\nrendezvous = ['a:1']\n").error().detail ==
        "/etc/agent.toml:1: identity.cert: is missing; allowed: the path of a file");
  check_refused(error_of("[[service]]\ntarget = 'a:1'\n"), "7: service[1].name: is missing", "one label");
  check_refused(error_of("[[service]]\nname = 'web'\n"), "7: service[1].target: is missing", "unix:/PATH");
}

TEST_CASE("[agent] refuses") {
  const auto error = [](const std::string& line) {
    const auto parsed = parse("[agent]\n" + line + "\n[identity]\ncert='c'\nkey='k'\nca='a'\n");
    return parsed ? std::string() : parsed.error().detail;
  };
  const std::string rest = "rendezvous = ['a:1']\n";
  check_refused(error("rendezvous = []"), "2: agent.rendezvous: names 0 servers", "1 to 8");
  check_refused(error("rendezvous = ['a:1','b:1','c:1','d:1','e:1','f:1','g:1','h:1','i:1']"),
                "2: agent.rendezvous: names 9 servers", "1 to 8");
  check_refused(error("rendezvous = 'a:1'"), "2: agent.rendezvous: must be a list, is a string", "HOST:PORT");
  check_refused(error("rendezvous = ['a']"), "2: agent.rendezvous[1]: \"a\" is not a host and port", "HOST:PORT");
  check_refused(error("rendezvous = ['a:0']"), "2: agent.rendezvous[1]: ", "1 to 65535");
  check_refused(error("rendezvous = ['a:1', 'a:1']"), "2: agent.rendezvous[2]: stands here twice", "each once");
  check_refused(error(rest + "name = 'Nas1'"), "3: agent.name: \"Nas1\" is not a label", "lower-case");
  check_refused(error(rest + "name = 'a.b'"), "3: agent.name: ", "one label");
  check_refused(error(rest + "name = 5"), "3: agent.name: must be a string, is an integer", "");
  check_refused(error(rest + "cluster = '-'"), "3: agent.cluster: ", "one label");
  check_refused(error(rest + "rendezvous_id = 'td/rv'"), "3: agent.rendezvous_id: ", "spiffe://");
  check_refused(error(rest + "rendezvous_id = 'spiffe://td/a*b'"), "3: agent.rendezvous_id: ", "spiffe://");
  check_refused(error(rest + "state_dir = ''"), "3: agent.state_dir: is empty", "a path");
  check_refused(error(rest + "control = '/run/x'"), "3: agent.control: ", "unix:PATH");
  check_refused(error(rest + "drain_timeout = 5"), "3: agent.drain_timeout: must be a string", "5s");
  check_refused(error(rest + "drain_timeout = '2h'"), "3: agent.drain_timeout: \"2h\" is out of range", "0s to 1h");
  check_refused(error(rest + "state_dir = '${NO_SUCH}'"), "3: agent.state_dir: the environment variable NO_SUCH",
                "set");
  check_refused(error(rest + "rendezvouz = []"), "3: agent.rendezvouz: unknown key, the nearest is \"rendezvous\"", "");
}

TEST_CASE("[nat], [pool], [limits] and the root refuse") {
  check_refused(error_of("[nat]\nmapping = 'on'\n"), "8: nat.mapping: \"on\" is not known", "\"auto\", \"off\"");
  check_refused(error_of("[nat]\nmapping = ['natpmp']\n"), "8: nat.mapping[1]: \"natpmp\" is not known", "\"nat_pmp\"");
  check_refused(error_of("[nat]\nmapping = ['pcp', 'pcp']\n"), "8: nat.mapping[2]: stands here twice", "each once");
  check_refused(error_of("[nat]\nmapping = true\n"), "8: nat.mapping: must be a string", "\"auto\"");
  check_refused(error_of("[nat]\nlisten = ['0.0.0.0']\n"), "8: nat.listen[1]: ", "0 to 65535");
  check_refused(error_of("[nat]\nlisten = ['host:1']\n"), "8: nat.listen[1]: ", "ADDRESS:PORT");
  check_refused(error_of("[nat]\nexternal_port = 65536\n"), "8: nat.external_port: 65536 is out", "0 to 65535");
  check_refused(error_of("[nat]\ninterfaces = ['an-interface-too-long']\n"), "8: nat.interfaces[1]: ", "15 bytes");
  check_refused(error_of("[pool]\nmax = 1025\n"), "8: pool.max: 1025 is out of range", "1 to 1024");
  check_refused(error_of("[pool]\nmax = 0\n"), "8: pool.max: 0 is out of range", "1 to 1024");
  check_refused(error_of("[pool]\nmin = -1\n"), "8: pool.min: -1 is out of range", "0 to 1024");
  check_refused(error_of("[pool]\nmin = 33\n"), "8: pool.min: min is 33 and max 32", "min at most max");
  check_refused(error_of("[pool]\n\nmin = 3\nmax = 2\n"), "9: pool.min: min is 3 and max 2", "min at most max");
  check_refused(error_of("[pool]\nmax = '32'\n"), "8: pool.max: must be an integer, is a string", "1 to 1024");
  check_refused(error_of("[pool]\nmax = 1.5\n"), "8: pool.max: must be an integer, is a fractional number", "1 to");
  check_refused(error_of("[limits]\nidle_timeout = '0s'\n"), "8: limits.idle_timeout: \"0s\" is out", "10ms to 365d");
  check_refused(error_of("[limits]\nidle_timout = '1s'\n"), "8: limits.idle_timout: unknown key", "idle_timeout");
  check_refused(error_of("[limits]\nmemory = '100KiB'\n"), "8: limits.memory: 100KiB is out of range",
                "512KiB to 1GiB");
  check_refused(error_of("[limits]\nmemory = 0\n"), "8: limits.memory: 0B is out of range", "512KiB to 1GiB");
  check_refused(error_of("[limits]\nmemory = '8MB'\n"), "8: limits.memory: is not a size", "MiB");
  check_refused(error_of("[limits]\nrelays_max = -1\n"), "8: limits.relays_max: -1 is out of range", "0 to");
  check_refused(error_of("[server]\nlisten = []\n"), "7: server: unknown key; allowed: ", "pool");
  check_refused(error_of("[service]\nname = 'web'\n"), "7: service: must be a list, is a table", "[[service]]");
  check_refused(error_of("renew = true\n"), "7: identity.renew: must be a string", "auto");
  check_refused(error_of("renew = 'on'\n"), "7: identity.renew: \"on\" is not known", "auto, off");
  check_refused(error_of("pool = 1\n"), "7: identity.pool: unknown key", "cert");
}

void check_terminate_refused() {
  const std::string ends = "tls = 'terminate'\n";
  check_refused(service_error(ends + "protocol = 'hbone'\n"),
                "11: service[1].protocol: \"hbone\" is not available in this version", "http");
  check_refused(service_error("protocol = 'http'\n"), "10: service[1].protocol: says something", "terminate");
  check_refused(service_error(ends + "protocol = 'udp'\n"), "11: service[1].protocol: \"udp\" is not known", "tcp");
  for (const char* caller : {"", "all", "spiffe://td/a*", "http://a/b"}) {
    check_refused(service_error(ends + "allow = ['" + caller + "']\n"), "11: service[1].allow[1]: ", "\"mesh\"");
  }
  check_refused(service_error(ends + "allow = []\n"), "11: service[1].allow: names nobody", "cluster");
  check_refused(service_error(ends + "cert = 'a'\n"), "11: service[1].cert: stands alone", "cert and key");
  check_refused(service_error(ends + "key = 'a'\n"), "11: service[1].key: stands alone", "cert and key");
  check_refused(service_error("allow = ['mesh']\n"), "10: service[1].allow: says something", "terminate");
  check_refused(service_error("cert = 'a'\nkey = 'b'\n"), "10: service[1].cert: says something", "terminate");
}

TEST_CASE("a service whose TLS ends here") {
  const auto of = [](const std::string& added) {
    const auto parsed = parse(kLeast + "[[service]]\nname = 'db'\ntarget = 'a:1'\ntls = 'terminate'\n" + added);
    REQUIRE(parsed);
    return parsed->config.services.at(0);
  };
  CHECK(of("").tls == Tls::terminate);
  CHECK(of("").allow == std::vector<std::string>{"cluster"});
  CHECK(of("").cert.empty());
  CHECK(of("").protocol == Protocol::tcp);
  CHECK(of("protocol = 'http'\n").protocol == Protocol::http);
  const ServiceConfig own =
      of("protocol = 'tcp'\nallow = ['mesh', 'spiffe://td/agent/{cluster}/**']\ncert = 'db.crt'\nkey = '/k'\n");
  CHECK(own.allow == std::vector<std::string>{"mesh", "spiffe://td/agent/{cluster}/**"});
  CHECK(own.cert == "/etc/db.crt");
  CHECK(own.key == "/k");
}

TEST_CASE("[[service]] refuses") {
  check_refused(error_of("[[service]]\nname = 'Web'\ntarget = 'a:1'\n"), "8: service[1].name: \"Web\" is not", "label");
  check_refused(error_of("[[service]]\nname = ''\ntarget = 'a:1'\n"), "8: service[1].name: is empty", "one label");
  for (const char* target : {"8443", "localhost", "127.0.0.1:0", "127.0.0.1:99999", "::1:8443", "http://127.0.0.1:80",
                             "tls://127.0.0.1:80", "a b:1", "/run/web"}) {
    check_refused(service_error("", target), "9: service[1].target: \"" + std::string(target) + "\" is not",
                  "HOST:PORT");
  }
  check_refused(service_error("", "unix:"), "9: service[1].target: ", "unix:PATH");
  check_refused(service_error("", ""), "9: service[1].target: is empty", "HOST:PORT");
  check_refused(service_error("tls = 'none'\n"), "10: service[1].tls: \"none\" is not known", "terminate");
  check_terminate_refused();
  check_refused(service_error("mutual = 'off'\n"), "10: service[1].mutual: \"off\" is not", "unchecked");
  check_refused(service_error("mutual = 'require'\n"),
                "10: service[1].mutual: \"require\" is not available in this version", "unchecked");
  check_refused(service_error("proxy_protocol = 'v3'\n"), "10: service[1].proxy_protocol: ", "off, v1, v2");
  check_refused(service_error("proxy_protocol = 2\n"), "10: service[1].proxy_protocol: must be a string",
                "off, v1, v2");
  check_refused(service_error("host = 'a_b'\n"), "10: service[1].host: \"a_b\" is not a name", "DNS name");
  check_refused(service_error("host = '10.0.0.1'\n"), "10: service[1].host: ", "DNS name");
  check_refused(service_error("port = 0\n"), "10: service[1].port: 0 is out of range", "1 to 65535");
  check_refused(service_error("sni = ['*.a']\n"), "10: service[1].sni[1]: ", "DNS name");
  check_refused(service_error("sni = ['a', 'A.']\n"), "10: service[1].sni[2]: stands here twice", "each once");
  check_refused(service_error("subsets = ['v1.2']\n"), "10: service[1].subsets[1]: ", "one label");
  check_refused(service_error("host = 'a.b'\n", "unix:/run/x"), "7: service[1].port: is missing", "1 to 65535");
  check_refused(service_error("prt = 1\n"), "10: service[1].prt: unknown key, the nearest is \"port\"", "target");
  std::string many;
  for (int i = 0; i < 65; ++i) many += "'n" + std::to_string(i) + "', ";
  check_refused(service_error("sni = [" + many + "]\n"), "10: service[1].sni: holds 65 names", "at most 64");
}

TEST_CASE("no name leads to two services") {
  const std::string web = "[[service]]\nname = 'web'\ntarget = 'a:1'\nhost = 'h.x'\nsni = ['s.x']\n";
  check_refused(error_of(web + "[[service]]\nname = 'web'\ntarget = 'a:2'\n"),
                "13: service[2].name: \"web\" is the name", "each once");
  check_refused(error_of(web + "[[service]]\nname = 'b'\ntarget = 'a:1'\nhost = 'H.x'\n"),
                "15: service[2].host: h.x with port 1 belongs", "another host or port");
  check_refused(error_of(web + "[[service]]\nname = 'b'\ntarget = 'a:2'\nsni = ['S.x']\n"),
                "15: service[2].sni: \"s.x\" belongs", "each once");
  CHECK(error_of(web + "[[service]]\nname = 'b'\ntarget = 'a:2'\nhost = 'h.x'\n").empty());
}

TEST_CASE("lenient warns of unknown keys and of nothing else") {
  const auto lenient = parse(kLeast + "[future]\nkey = 1\n", UnknownKeys::warn);
  REQUIRE(lenient);
  REQUIRE(lenient->warnings.size() == 1);
  CHECK(lenient->warnings[0].starts_with("/etc/agent.toml:7: future: unknown key"));
  CHECK_FALSE(parse(kLeast + "[future]\n[pool]\nmax = 'x'\n", UnknownKeys::warn));
  CHECK_FALSE(parse(kLeast + "[future\n", UnknownKeys::warn));
}

TEST_CASE("a file that is not there") {
  CHECK(load_config("/nonexistent/agent.toml").error().detail ==
        "/nonexistent/agent.toml: cannot be opened: No such file or directory");
}
