#include "agent/nat/upnp_exchange.h"

#include "tests/support/doctest.h"

namespace fairlead::agent::nat {
namespace {

UpnpRequest sample(UpnpAction action) {
  UpnpRequest out{.action = action,
                  .uplink = {.interface = "eth0",
                             .index = 2,
                             .local = *IpAddress::parse("192.168.1.10"),
                             .gateway = *IpAddress::parse("192.168.1.1")},
                  .patience = 1400ms,
                  .location = "http://192.168.1.1:5555/rootDesc.xml"};
  if (action == UpnpAction::look) return out;
  out.internal_port = 4433;
  out.external_port = 40001;
  out.lifetime = 7200s;
  out.description = "fairlead nas1.home";
  out.pinhole = 17;
  return out;
}

constexpr std::string_view kAnswer =
    "result ok\nlocation http://192.168.1.1:5555/x\nversion IGD 2\nmodel A router\nexternal 25.1.0.2\n"
    "external_port 40001\nlifetime 3600\npinhole 9\nend\n";

TEST_CASE("a request comes through as it was") {
  for (const UpnpAction action : {UpnpAction::look, UpnpAction::map, UpnpAction::unmap}) {
    const UpnpRequest request = sample(action);
    CHECK(parse_upnp_request(write_upnp_request(request)) == request);
  }
  UpnpRequest v6 = sample(UpnpAction::map);
  v6.uplink.local = *IpAddress::parse("2a01:db80:1::10");
  v6.uplink.gateway = *IpAddress::parse("fe80::1");
  v6.location.clear();
  v6.pinhole.reset();
  CHECK(parse_upnp_request(write_upnp_request(v6)) == v6);
}

TEST_CASE("no prefix of a request is a request") {
  const std::string text = write_upnp_request(sample(UpnpAction::map));
  for (std::size_t n = 0; n < text.size(); ++n) CHECK_FALSE(parse_upnp_request(text.substr(0, n)));
  CHECK_FALSE(parse_upnp_request(text + "x"));
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST_CASE("bad requests") {
  const std::string good = write_upnp_request(sample(UpnpAction::map));
  REQUIRE(parse_upnp_request(good));
  for (const auto& [from, to] :
       {std::pair("action map", "action dance"), std::pair("action map\n", ""), std::pair("index 2", "index -2"),
        std::pair("local 192.168.1.10", "local here"), std::pair("local 192.168.1.10", "local ::1"),
        std::pair("internal_port 4433", "internal_port 65536"), std::pair("internal_port 4433\n", ""),
        std::pair("lifetime 7200", "lifetime 4294967296"), std::pair("lifetime 7200", "lifetime 7200s"),
        std::pair("pinhole 17", "pinhole x"), std::pair("location http", "location file"),
        std::pair("interface eth0", "interface a-name-that-is-too-long"),
        std::pair("description fairlead nas1.home", "description 0123456789abcdef0123456789abcdef"),
        std::pair("index 2\n", "index 2\nindex 2\n"), std::pair("index 2\n", "index 2\n\n"),
        std::pair("interface eth0", "interface e\x80"), std::pair("interface eth0", "interface")}) {
    CAPTURE(to);
    CHECK_FALSE(parse_upnp_request(replaced(good, from, to)));
  }
  CHECK_FALSE(parse_upnp_request(std::string(kMaxUpnpMessage, 'a') + " b\nend\n"));
}

TEST_CASE("an answer is read") {
  const auto answer = parse_upnp_answer(kAnswer);
  REQUIRE(answer);
  CHECK_FALSE(answer->error);
  CHECK(answer->location == "http://192.168.1.1:5555/x");
  CHECK(answer->facts.version == "IGD 2");
  CHECK(answer->facts.model == "A router");
  CHECK(answer->facts.external == IpAddress::parse("25.1.0.2"));
  CHECK(answer->external_port == 40001);
  CHECK(answer->lifetime == 3600s);
  CHECK(answer->pinhole == 9);
  CHECK(write_upnp_answer(*answer) == kAnswer);
}

TEST_CASE("every failure comes through") {
  for (int i = 0; i <= static_cast<int>(GatewayFailure::broken); ++i) {
    UpnpAnswer answer;
    answer.error = GatewayError{static_cast<GatewayFailure>(i), "UPnP error 718:  Conflict\n in \x80 Mapping"};
    const auto read = parse_upnp_answer(write_upnp_answer(answer));
    REQUIRE(read);
    REQUIRE(read->error);
    CHECK(read->error->failure == answer.error->failure);
    CHECK(read->error->detail == "UPnP error 718: Conflict in ? Mapping");
  }
}

TEST_CASE("the helper is not believed everything") {
  for (const auto& [from, to] :
       {std::pair("result ok", "result fine"), std::pair("result ok\n", ""),
        std::pair("external 25.1.0.2", "external x"), std::pair("external_port 40001", "external_port 400001"),
        std::pair("location http", "location gopher"), std::pair("model A router", "model \x1b[31m"),
        std::pair("pinhole 9", "pinhole 99999"), std::pair("lifetime 3600\n", ""), std::pair("end\n", "")}) {
    CAPTURE(to);
    CHECK_FALSE(parse_upnp_answer(replaced(std::string(kAnswer), from, to)));
  }
  CHECK_FALSE(parse_upnp_answer(replaced(std::string(kAnswer), "A router", std::string(81, 'a'))));
  CHECK_FALSE(parse_upnp_answer(""));
}

}  // namespace
}  // namespace fairlead::agent::nat
