#include "agent/setting/reload.h"

#include <optional>

#include "tests/support/sample_reload.h"

namespace fairlead::agent {
namespace {

// Another value for every key of the sample.
const test::OtherValues kOthers{
    {"agent.name", R"("nas2")"},
    {"agent.cluster", R"("office")"},
    {"agent.rendezvous", R"(["rv2.example.com:15443"])"},
    {"agent.rendezvous_id", R"("spiffe://x/y")"},
    {"agent.rendezvous_networks", R"(["10.0.0.0/8"])"},
    {"agent.state_dir", R"("/tmp/x")"},
    {"agent.control", R"("unix:/tmp/x.sock")"},
    {"agent.drain_timeout", R"("6s")"},
    {"agent.confine", R"(false)"},
    {"identity.cert", R"("/tmp/x.crt")"},
    {"identity.key", R"("/tmp/x.key")"},
    {"identity.ca", R"("/tmp/ca.crt")"},
    {"identity.renew", R"("off")"},
    {"nat.mapping", R"("off")"},
    {"nat.listen", R"([])"},
    {"nat.external_port", R"(20000)"},
    {"nat.interfaces", R"(["eth0"])"},
    {"pool.min", R"(2)"},
    {"pool.max", R"(33)"},
    {"service.name", R"("web2")"},
    {"service.target", R"("127.0.0.1:8444")"},
    {"service.tls", R"("terminate")"},
    {"service.host", R"("web.default.svc.cluster.local")"},
    {"service.port", R"(8444)"},
    {"service.sni", R"(["nas.example.com"])"},
    {"service.subsets", R"(["v1"])"},
    {"service.proxy_protocol", R"("v2")"},
    {"egress.name", R"("db.home")"},
    {"egress.listen", R"("127.0.0.1:5433")"},
    {"egress.expect", R"(["spiffe://mesh.example/db"])"},
    {"proxy.listen", R"("127.0.0.1:1081")"},
    {"limits.relays_max", R"(5)"},
    {"limits.memory", R"("9MiB")"},
    {"limits.connect_timeout", R"("11s")"},
    {"limits.handshake_timeout", R"("11s")"},
    {"limits.idle_timeout", R"("2h")"},
    {"limits.half_close_timeout", R"("6m")"},
    {"limits.first_flight_timeout", R"("11s")"},
    {"limits.ping_interval", R"("26s")"},
};

AgentConfig parsed(const std::string& text) {
  auto out = parse_config(text, "/etc/agent.toml", config::UnknownKeys::refuse,
                          [](const std::string&) { return std::nullopt; });
  REQUIRE_MESSAGE(out, out.error().detail);
  return out->config;
}

// What has one value only, none but beside another key's, or none of its own: what is included is read as if it stood
// here.
const test::FixedKeys kFixed{"agent.include", "service.mutual", "service.protocol",
                             "service.allow", "service.cert",   "service.key"};

TEST_CASE("a file that did not change changes nothing and names nothing") {
  test::check_reload_of_the_same(parsed(test::read_sample(SAMPLE_FILE)));
}

TEST_CASE("what is said of TLS that ends here, changed, is in effect") {
  const AgentConfig running = parsed(test::read_sample(SAMPLE_FILE));
  AgentConfig wanted = running;
  wanted.services[0].tls = Tls::terminate;
  wanted.services[0].allow = {"mesh"};
  wanted.services[0].protocol = Protocol::http;
  wanted.services[0].cert = "/tmp/x.crt";
  wanted.services[0].key = "/tmp/x.key";
  const Reload reload = plan_reload(running, wanted);
  CHECK(reload.config == wanted);
  CHECK(reload.for_restart.empty());
}

TEST_CASE("every key of the sample, changed, either is in effect or is named") {
  test::check_reload_of_each_key(test::read_sample(SAMPLE_FILE), kOthers, kFixed, parsed);
}

}  // namespace
}  // namespace fairlead::agent
