#include "rendezvous/setting/reload.h"

#include <optional>

#include "tests/support/sample_reload.h"

namespace fairlead::rendezvous {
namespace {

// Another value for every key of the sample.
const test::OtherValues kOthers{
    {"server.listen", R"(["0.0.0.0:15444"])"},
    {"server.public_addresses", R"(["rv.example.com:15443"])"},
    {"server.names", R"(["rv.example.com"])"},
    {"server.domains", R"(["mesh.example.com"])"},
    {"server.instance_address", R"("192.0.2.1:15443")"},
    {"server.workers", R"(3)"},
    {"server.admin", R"("unix:/tmp/x.sock")"},
    {"server.drain_delay", R"("6s")"},
    {"server.drain_timeout", R"("21s")"},
    {"server.confine", R"(false)"},
    {"server.state_dir", R"("/tmp/x")"},
    {"server.verify_from", R"(["198.51.100.7"])"},
    {"server.verify_addresses", R"("any")"},
    {"listener.address", R"("0.0.0.0:444")"},
    {"listener.accept", R"(["tls"])"},
    {"listener.proxy_from", R"(["10.0.0.0/8"])"},
    {"identity.cert", R"("/tmp/x.crt")"},
    {"identity.key", R"("/tmp/x.key")"},
    {"identity.ca", R"("/tmp/ca.crt")"},
    {"signer.mode", R"("file")"},
    {"signer.cert", R"("/tmp/s.crt")"},
    {"signer.key", R"("/tmp/s.key")"},
    {"signer.leaf_days", R"(31)"},
    {"signer.renew_grace", R"("1d")"},
    {"signer.cluster", R"("office")"},
    {"policy.agent", R"("spiffe://{trust_domain}/nas/{cluster}/{name}")"},
    {"policy.services", R"(["web.{cluster}"])"},
    {"policy.endpoints", R"(["*"])"},
    {"policy.hosts", R"(["*.*.svc.cluster.local"])"},
    {"policy.source", R"(["10.0.0.0/8"])"},
    {"port.listen", R"("0.0.0.0:20002")"},
    {"port.service", R"("db.home")"},
    {"log.access", R"("all")"},
    {"limits.classify_bytes", R"("32KiB")"},
    {"limits.classify_timeout", R"("6s")"},
    {"limits.unclassified_max", R"(4097)"},
    {"limits.unclassified_per_source", R"(65)"},
    {"limits.handshakes_max", R"(257)"},
    {"limits.handshakes_waiting", R"(16385)"},
    {"limits.handshakes_waiting_bytes", R"("33MiB")"},
    {"limits.handshakes_per_source", R"(129)"},
    {"limits.flight_timeout", R"("6s")"},
    {"limits.channels_max", R"(5)"},
    {"limits.handshake_timeout", R"("11s")"},
    {"limits.channel_wait", R"("11s")"},
    {"limits.answer_timeout", R"("3s")"},
    {"limits.relays_per_source", R"(257)"},
    {"limits.unproved_per_source", R"(129)"},
    {"limits.relays_per_service", R"(4097)"},
    {"limits.relays_per_agent", R"(4097)"},
    {"limits.relays_max", R"(5)"},
    {"limits.sessions_max", R"(5)"},
    {"limits.services_per_agent", R"(65)"},
    {"limits.idle_timeout", R"("2h")"},
    {"limits.half_close_timeout", R"("6m")"},
    {"limits.first_flight_timeout", R"("11s")"},
    {"limits.relay_memory", R"("64MiB")"},
    {"limits.connect_timeout", R"("11s")"},
    {"limits.ping_interval", R"("26s")"},
    {"limits.verify_probe", R"("31s")"},
    {"limits.verify_interval", R"("6m")"},
    {"limits.verify_dials_max", R"(65)"},
    {"limits.verify_dials_per_target", R"(5)"},
};

RendezvousConfig parsed(const std::string& text) {
  auto out = parse_config(text, "/etc/rendezvous.toml", [](const std::string&) { return std::nullopt; });
  REQUIRE_MESSAGE(out, out.error().detail);
  return out->config;
}

// What has one value only, or is no value of its own: what is included is read as if it stood here.
const test::FixedKeys kFixed{"registry.backend", "server.include"};

TEST_CASE("a file that did not change changes nothing and names nothing") {
  test::check_reload_of_the_same(parsed(test::read_sample(SAMPLE_FILE)));
}

TEST_CASE("every key of the sample, changed, either is in effect or is named") {
  test::check_reload_of_each_key(test::read_sample(SAMPLE_FILE), kOthers, kFixed, parsed);
}

}  // namespace
}  // namespace fairlead::rendezvous
