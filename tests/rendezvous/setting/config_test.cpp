#include "rendezvous/setting/config.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

using namespace fairlead;
using namespace fairlead::rendezvous;

namespace {

const std::string kIdentity = "[identity]\ncert = 'c.crt'\nkey = 'c.key'\nca = 'ca.crt'\n";
// 6 lines: what a test adds begins on line 7.
const std::string kLeast = "[server]\nlisten = ['0.0.0.0:15443']\n" + kIdentity;

Result<Loaded> parse(const std::string& text) {
  return parse_config(text, "/etc/rv.toml", [](const std::string&) { return std::optional<std::string>(); });
}

RendezvousConfig good(const std::string& added) {
  auto parsed = parse(kLeast + added);
  if (!parsed) FAIL(parsed.error().detail);
  return parsed->config;
}

// Reads `text`, which must be refused: `begin` is `LINE: KEY: what is wrong`, `allowed` stands after "; allowed: ".
void refused(const std::string& text, const std::string& begin, const std::string& allowed) {
  const auto parsed = parse(text);
  CAPTURE(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().reason == Reason::config_invalid);
  const std::string& error = parsed.error().detail;
  CAPTURE(error);
  CHECK(error.find('\n') == std::string::npos);
  CHECK(error.starts_with("/etc/rv.toml:" + begin));
  const auto at = error.find("; allowed: ");
  REQUIRE(at != std::string::npos);
  CHECK(error.find(allowed, at) != std::string::npos);
}

// One line more in [server], on line 3.
void server_refused(const std::string& line, const std::string& begin, const std::string& allowed) {
  refused("[server]\nlisten = ['0.0.0.0:15443']\n" + line + "\n" + kIdentity, "3: server." + begin, allowed);
}

void added_refused(const std::string& added, const std::string& begin, const std::string& allowed) {
  refused(kLeast + added, begin, allowed);
}

}  // namespace

TEST_CASE("the least configuration has the documented defaults") {
  const RendezvousConfig config = good("");
  RendezvousConfig expected;
  expected.listeners = {{*SocketAddress::parse("0.0.0.0:15443"), {true, true}, {}}};
  expected.identity = {"/etc/c.crt", "/etc/c.key", "/etc/ca.crt"};
  expected.policy = {default_rule()};
  CHECK(config == expected);
}

TEST_CASE("defaults of [limits] are those of the design") {
  const Limits limits;
  CHECK(limits.classify_bytes == 65536);
  CHECK(limits.classify_timeout == 5s);
  CHECK(limits.unclassified_max == 4096);
  CHECK(limits.unclassified_per_source == 64);
  CHECK(limits.handshakes_max == 256);
  CHECK(limits.handshake_timeout == 10s);
  CHECK(limits.channel_wait == 10s);
  CHECK(limits.relays_per_source == 256);
  CHECK(limits.relays_per_service == 4096);
  CHECK(limits.relays_per_agent == 4096);
  CHECK(limits.idle_timeout == 1h);
  CHECK(limits.connect_timeout == 10s);
  CHECK(limits.ping_interval == 25s);
}

TEST_CASE("the packaged sample holds the defaults") {
  std::ifstream file(SAMPLE_FILE);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto parsed = parse(text);
  if (!parsed) FAIL(parsed.error().detail);
  RendezvousConfig expected;
  expected.listeners = {{*SocketAddress::parse("0.0.0.0:15443"), {}, {}},
                        {*SocketAddress::parse("[::]:15443"), {}, {}}};
  expected.identity = {"/etc/fairlead/rendezvous.crt", "/etc/fairlead/rendezvous.key", "/etc/fairlead/ca.crt"};
  expected.policy = {default_rule()};
  expected.signer.cert = "/etc/fairlead/signer.crt";
  expected.signer.key = "/etc/fairlead/signer.key";
  CHECK(parsed->config == expected);

  // The commented tables can be used as they stand.
  for (std::size_t at = 0; (at = text.find("\n#", at)) != std::string::npos; ++at) {
    if (text[at + 2] != ' ') text.erase(at + 1, 1);
  }
  const auto whole = parse(text);
  if (!whole) FAIL(whole.error().detail);
  CHECK(whole->config.listeners.size() == 3);
  CHECK(whole->config.ports == std::vector{PortConfig{*SocketAddress::parse("0.0.0.0:20001"), "web.home"}});
}

TEST_CASE("every key is read") {
  const auto parsed = parse(
      "[server]\nlisten = ['[::1]:1']\npublic_addresses = ['Rv.example.com:2', '192.0.2.1:3']\nnames = "
      "['RV.example.com.']\n"
      "domains = ['mesh.example.com']\ninstance_address = '192.0.2.9:4'\nworkers = 3\nadmin = 'unix:a.sock'\n"
      "drain_delay = '0s'\ndrain_timeout = '1m'\nstate_dir = '/s'\n" +
      kIdentity +
      "[registry]\nbackend = 'embedded'\n[log]\naccess = 'all'\n"
      "[[listener]]\naddress = '0.0.0.0:443'\naccept = ['tls']\nproxy_from = ['10.0.0.0/8', '::1']\n"
      "[[policy]]\nagent = 'spiffe://{trust_domain}/ns/{cluster}/sa/{name}'\nservices = ['web.{cluster}', '*.*']\n"
      "endpoints = ['*']\nhosts = ['*.example.com']\nsource = ['10.0.0.0/8']\n[[policy]]\nservices = []\n"
      "[[port]]\nlisten = '0.0.0.0:20001'\nservice = 'Web.Home'\n"
      "[limits]\nclassify_bytes = '4KiB'\nclassify_timeout = '1s'\nunclassified_max = 1\nunclassified_per_source = 2\n"
      "handshakes_max = 3\nhandshakes_waiting = 4\nhandshakes_waiting_bytes = '1MiB'\n"
      "handshakes_per_source = 11\nflight_timeout = '9s'\nhandshake_timeout = '2s'\nchannel_wait = "
      "'3s'\nanswer_timeout = "
      "'4s'\n"
      "relays_per_source = 5\nunproved_per_source = 13\nrelays_per_service = 6\nrelays_per_agent = 7\nrelays_max = "
      "8\nsessions_max = "
      "9\nchannels_max = 12\n"
      "services_per_agent = 10\nidle_timeout = '5s'\nhalf_close_timeout = '6s'\nconnect_timeout = '7s'\n"
      "first_flight_timeout = '9s'\nrelay_memory = '64MiB'\n"
      "ping_interval = '8s'\n[x-any]\nk = 1\n");
  if (!parsed) FAIL(parsed.error().detail);
  const RendezvousConfig& config = parsed->config;
  CHECK(config.server == ServerConfig{{{"Rv.example.com", 2}, {"192.0.2.1", 3}},
                                      {"rv.example.com"},
                                      {"mesh.example.com"},
                                      *SocketAddress::parse("192.0.2.9:4"),
                                      3,
                                      "/etc/a.sock",
                                      0s,
                                      60s,
                                      "/s"});
  REQUIRE(config.listeners.size() == 2);
  CHECK(config.listeners[1] == ListenerConfig{*SocketAddress::parse("0.0.0.0:443"),
                                              {true, false},
                                              {*Cidr::parse("10.0.0.0/8"), *Cidr::parse("::1")}});
  REQUIRE(config.policy.size() == 2);
  CHECK(config.policy[0] == PolicyRule{"spiffe://{trust_domain}/ns/{cluster}/sa/{name}",
                                       {"web.{cluster}", "*.*"},
                                       {"*"},
                                       {"*.example.com"},
                                       {*Cidr::parse("10.0.0.0/8")}});
  CHECK(config.policy[1].services.empty());
  CHECK(config.policy[1].endpoints == default_rule().endpoints);
  CHECK(config.ports == std::vector{PortConfig{*SocketAddress::parse("0.0.0.0:20001"), "web.home"}});
  CHECK(config.log.access == AccessLog::all);
  CHECK(config.limits == Limits{4096, 1s, 1, 2,  3,  4,  1 << 20, 11, 9s, 2s, 3s,  4s,   5,  13, 6,
                                7,    8,  9, 12, 10, 5s, 6s,      9s, 7s, 8s, 30s, 5min, 64, 4,  64 << 20});
}

TEST_CASE("what is missing is named") {
  refused("", "1: identity.cert: is missing", "the path of a file");
  refused(kIdentity, "1: server.listen: nothing to listen on", "at least one ADDRESS:PORT");
  refused("[server]\nlisten = []\n" + kIdentity, "2: server.listen: nothing to listen on", "[[listener]]");
  CHECK(parse(kIdentity + "[[listener]]\naddress = '0.0.0.0:1'\n"));
}

TEST_CASE("[server] refuses") {
  refused("[server]\nlisten = '0.0.0.0:1'\n" + kIdentity, "2: server.listen: must be a list", "ADDRESS:PORT");
  refused("[server]\nlisten = ['0.0.0.0']\n" + kIdentity, "2: server.listen[1]: \"0.0.0.0\" is not", "1 to 65535");
  refused("[server]\nlisten = ['host:1']\n" + kIdentity, "2: server.listen[1]: ", "ADDRESS:PORT");
  refused("[server]\nlisten = [':1']\n" + kIdentity, "2: server.listen[1]: ", "ADDRESS:PORT");
  refused("[server]\nlisten = ['0.0.0.0:0']\n" + kIdentity, "2: server.listen[1]: ", "1 to 65535");
  refused("[server]\nlisten = ['0.0.0.0:1', '0.0.0.0:1']\n" + kIdentity, "2: server.listen[2]: stands here twice",
          "once");
  refused("[server]\nlisten = ['0.0.0.0:1', 5]\n" + kIdentity, "2: server.listen[2]: must be a string", "ADDRESS");
  server_refused("public_addresses = ['rv']", "public_addresses[1]: \"rv\" is not a host and port", "HOST:PORT");
  server_refused("public_addresses = ['0.0.0.0:1']", "public_addresses[1]: nobody can connect to 0.0.0.0", "reach");
  server_refused("public_addresses = ['[::]:1']", "public_addresses[1]: nobody can connect", "reach");
  server_refused("names = ['a b']", "names[1]: \"a b\" is not a name", "DNS name");
  server_refused("names = ['192.0.2.1']", "names[1]: ", "DNS name");
  server_refused("domains = ['.example.com']", "domains[1]: ", "DNS name");
  server_refused("instance_address = 'rv.example.com:1'", "instance_address: ", "ADDRESS:PORT");
  server_refused("workers = -1", "workers: -1 is out of range", "0 to 1024");
  server_refused("workers = 'all'", "workers: must be an integer, is a string", "0 to 1024");
  server_refused("admin = 'tcp:127.0.0.1:1'", "admin: ", "unix:PATH");
  server_refused("admin = '127.0.0.1:1'", "admin: ", "unix:PATH");
  server_refused("drain_delay = 5", "drain_delay: must be a string, is an integer", "5s");
  server_refused("drain_timeout = 'soon'", "drain_timeout: \"soon\" is not a duration", "5s");
  server_refused("state_dir = ''", "state_dir: is empty", "a path");
  server_refused("state_dir = '${GONE}/x'", "state_dir: the environment variable GONE is not set", "set");
  server_refused("drain_dealy = '5s'", "drain_dealy: unknown key, the nearest is \"drain_delay\"", "drain_timeout");
}

TEST_CASE("[[listener]] refuses") {
  added_refused("[[listener]]\naccept = ['tls']\n", "7: listener[1].address: is missing", "ADDRESS:PORT");
  added_refused("[[listener]]\naddress = '0.0.0.0'\n", "8: listener[1].address: ", "ADDRESS:PORT");
  added_refused("[[listener]]\naddress = '0.0.0.0:15443'\n",
                "8: listener[1].address: 0.0.0.0:15443 is listened on twice", "once");
  for (const char* later : {"socks5", "connect", "websocket", "h2c"}) {
    added_refused("[[listener]]\naddress = '0.0.0.0:1'\naccept = ['tls', '" + std::string(later) + "']\n",
                  "9: listener[1].accept[2]: \"" + std::string(later) + "\" is not available in this version",
                  "\"tls\"");
  }
  added_refused("[[listener]]\naddress = '0.0.0.0:1'\naccept = ['http']\n",
                "9: listener[1].accept[1]: \"http\" is not known", "\"ticket\"");
  added_refused("[[listener]]\naddress = '0.0.0.0:1'\naccept = []\n", "9: listener[1].accept: accepts nothing",
                "\"tls\"");
  added_refused("[[listener]]\naddress = '0.0.0.0:1'\nproxy_from = ['10.0.0.0/40']\n",
                "9: listener[1].proxy_from[1]: ", "ADDRESS/BITS");
  added_refused("[[listener]]\naddress = '0.0.0.0:1'\nproxy_from = ['lb.example.com']\n",
                "9: listener[1].proxy_from[1]: ", "ADDRESS/BITS");
  added_refused("[[listener]]\nadress = '0.0.0.0:1'\n",
                "8: listener[1].adress: unknown key, the nearest is \"address\"", "accept");
  added_refused("[listener]\naddress = '0.0.0.0:1'\n", "7: listener: must be a list, is a table", "[[listener]]");
}

TEST_CASE("[[policy]] refuses") {
  const auto policy_refused = [](const std::string& line, const std::string& begin) {
    const auto parsed = parse(kLeast + "[[policy]]\n" + line + "\n");
    REQUIRE_FALSE(parsed);
    CAPTURE(parsed.error().detail);
    CHECK(parsed.error().detail.starts_with("/etc/rv.toml:" + begin));
  };
  policy_refused("agent = 5", "8: policy[1].agent: must be a string");
  policy_refused("agent = 'nas1'", "8: policy[1].agent: ");
  policy_refused("services = '*.home'", "8: policy[1].services: must be a list");
  policy_refused("services = ['web']", "8: policy[1].services: ");
  policy_refused("services = ['*.{clustr}']", "8: policy[1].services: ");
  policy_refused("endpoints = ['a.b']", "8: policy[1].endpoints: ");
  policy_refused("hosts = ['*x.example.com']", "8: policy[1].hosts: ");
  policy_refused("source = ['any']", "8: policy[1].source[1]: \"any\" is not an address block");
  policy_refused("sources = []", "8: policy[1].sources: unknown key, the nearest is \"source\"");
}

TEST_CASE("[[port]], [registry], [log] and [limits] refuse") {
  added_refused("[[port]]\nlisten = '0.0.0.0:1'\n", "7: port[1].service: is missing", "SERVICE.CLUSTER");
  added_refused("[[port]]\nservice = 'web.home'\n", "7: port[1].listen: is missing", "ADDRESS:PORT");
  for (const char* bad : {"web", "a.web.home", "web.", ".home", "*.home", "we_b.home"}) {
    added_refused("[[port]]\nlisten = '0.0.0.0:1'\nservice = '" + std::string(bad) + "'\n",
                  "9: port[1].service: \"" + std::string(bad) + "\" is not a service", "SERVICE.CLUSTER");
  }
  added_refused("[[port]]\nlisten = '0.0.0.0:15443'\nservice = 'web.home'\n",
                "8: port[1].listen: 0.0.0.0:15443 is listened", "once");
  added_refused("[registry]\nbackend = 'etcd'\n", "8: registry.backend: \"etcd\" is not available in this version",
                "\"embedded\"");
  added_refused("[registry]\nbackend = 'redis'\n", "8: registry.backend: \"redis\" is not known", "\"embedded\"");
  added_refused("[log]\naccess = 'none'\n", "8: log.access: \"none\" is not known", "off, failures, all");
  added_refused("[log]\nlevel = 'debug'\n", "8: log.level: unknown key; allowed: ", "access");
  added_refused("[limits]\nclassify_bytes = '1MiB'\n", "8: limits.classify_bytes: 1MiB is out of range",
                "2KiB to 64KiB");
  added_refused("[limits]\nclassify_bytes = '64k'\n", "8: limits.classify_bytes: is not a size", "KiB");
  added_refused("[limits]\nrelays_per_source = 0\n", "8: limits.relays_per_source: 0 is out of range", "1 to");
  added_refused("[limits]\nidle_timeout = '400d'\n", "8: limits.idle_timeout: \"400d\" is out of range", "365d");
  added_refused("[limits]\nservices_per_agent = 65536\n", "8: limits.services_per_agent: ", "1 to 65535");
  added_refused("[limits]\nrelays = 5\n", "8: limits.relays: unknown key, the nearest is \"relays_", "relays_max");
  added_refused("limit = 5\n", "7: identity.limit: unknown key", "cert");
}

TEST_CASE("signer.leaf_days is a number of days, or a duration") {
  const auto life = [](const std::string& value) {
    const auto parsed = parse(kLeast + "[signer]\nleaf_days = " + value + "\n");
    REQUIRE_MESSAGE(parsed, parsed.error().detail);
    return parsed->config.signer.leaf_life;
  };
  CHECK(life("1") == 24h);
  CHECK(life("825") == 24h * 825);
  CHECK(life("'36h'") == 36h);
  CHECK(life("'10s'") == 10s);
  const auto refused_life = [](const std::string& value, const std::string& begin, const std::string& allowed) {
    added_refused("[signer]\nleaf_days = " + value + "\n", "8: signer.leaf_days: " + begin, allowed);
  };
  refused_life("0", "0 is out of range", "1 to 825");
  refused_life("826", "826 is out of range", "1 to 825");
  refused_life("'9s'", "\"9s\" is out of range", "10s to 825d");
  refused_life("'826d'", "\"826d\" is out of range", "10s to 825d");
  refused_life("'30'", "\"30\" is not a duration", "5s");
  refused_life("true", "must be", "");
}

TEST_CASE("signer.renew_grace may be none") {
  const auto none = parse(kLeast + "[signer]\nrenew_grace = '0s'\n");
  REQUIRE_MESSAGE(none, none.error().detail);
  CHECK(none->config.signer.renew_grace == 0s);
  CHECK(parse(kLeast)->config.signer.renew_grace == 24h * 365);
  added_refused("[signer]\nrenew_grace = '3651d'\n", "8: signer.renew_grace: \"3651d\" is out of range", "3650d");
}

TEST_CASE("what belongs to later versions is refused, not ignored") {
  added_refused("[ports]\nrange = '20000-20999'\n", "7: ports: allocating ports is not available in this version",
                "leave");
  added_refused("[telemetry]\nlisten = '127.0.0.1:9643'\n", "7: telemetry: telemetry is not available", "leave it out");
}
