#include "agent/nat/gateways.h"
#include "tests/agent/nat/gateway_rig.h"
#include "tests/support/codec_checks.h"

namespace fairlead::agent::nat {
namespace {

using namespace fairlead::agent::nat::test;
using fairlead::test::from_hex;

constexpr std::string_view kAddress = "00 80 0000 0000004d 19010002";            // epoch 77, 25.1.0.2
constexpr std::string_view kMapping = "00 82 0000 0000004e 1151 9c42 00000e10";  // 4433 -> 40002 for 3600 s

std::optional<Bytes> good_answer(const Bytes& request) {
  return from_hex(request.size() == 2 ? kAddress : kMapping);
}

struct Rig {
  net::test::Worker worker;
  std::unique_ptr<GatewayClient> client = make_nat_pmp_client(worker.poller, loopback_uplink());
  Outcome<GatewayFacts> facts;
  Outcome<MapGrant> grant;
};

TEST_CASE("a gateway of NAT-PMP is found and maps; the grant has the address of a second request") {
  Rig rig;
  ScriptedGateway gateway(rig.worker.poller, gateway_address(), good_answer);
  rig.client->look(5s, rig.facts.callback());
  CHECK_FALSE(rig.facts.done());
  REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
  REQUIRE(rig.facts.got->has_value());
  CHECK((*rig.facts.got)->version == "0");
  CHECK((*rig.facts.got)->external == IpAddress::parse("25.1.0.2"));
  CHECK((*rig.facts.got)->epoch == 77);

  rig.client->map(sample_request(), rig.grant.callback());
  REQUIRE(rig.worker.until([&] { return rig.grant.done(); }));
  REQUIRE(rig.grant.got->has_value());
  CHECK((*rig.grant.got)->external == *SocketAddress::parse("25.1.0.2:40002"));
  CHECK((*rig.grant.got)->lifetime == 3600s);
  CHECK((*rig.grant.got)->epoch == 78);
  REQUIRE(gateway.requests.size() == 3);
  CHECK(to_hex(gateway.requests[1]) == "0002000011519c4100001c20");
  CHECK(to_hex(gateway.requests[2]) == "0000");
  CHECK(gateway.client.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
}

TEST_CASE("a deletion has neither lifetime nor external port, and asks for no address") {
  Rig rig;
  ScriptedGateway gateway(rig.worker.poller, gateway_address(),
                          [](const Bytes&) { return from_hex("00 82 0000 0000004e 1151 0000 00000000"); });
  rig.client->unmap(sample_request(), rig.grant.callback());
  REQUIRE(rig.worker.until([&] { return rig.grant.done(); }));
  CHECK(rig.grant.failure() == "none");
  REQUIRE(gateway.requests.size() == 1);
  CHECK(to_hex(gateway.requests[0]) == "000200001151000000000000");
}

TEST_CASE("where nobody listens, the ICMP error ends it at once") {
  Rig rig;
  rig.client->look(1h, rig.facts.callback());
  REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
  CHECK(rig.facts.failure() == "absent");
  rig.worker.settle();
  CHECK(rig.facts.calls == 1);
}

TEST_CASE("a silent gateway is asked again, and given up with the patience") {
  Rig rig;
  ScriptedGateway gateway(rig.worker.poller, gateway_address(), [](const Bytes&) { return std::nullopt; });
  rig.client->look(500ms, rig.facts.callback());
  REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
  CHECK(rig.facts.failure() == "absent");
  CHECK(gateway.requests.size() == 2);
}

TEST_CASE("each result code says what can be done about it") {
  for (const auto& [code, expected] :
       {std::pair(1, "absent"), std::pair(2, "refused"), std::pair(3, "wan_down"), std::pair(4, "exhausted"),
        std::pair(5, "unsupported"), std::pair(9, "broken")}) {
    CAPTURE(code);
    Rig rig;
    ScriptedGateway gateway(rig.worker.poller, gateway_address(), [code](const Bytes&) {
      return Bytes{0, 0x82, 0, static_cast<std::uint8_t>(code), 0, 0, 0, 1, 0x11, 0x51, 0, 0, 0, 0, 0, 0};
    });
    rig.client->map(sample_request(), rig.grant.callback());
    REQUIRE(rig.worker.until([&] { return rig.grant.done(); }));
    CHECK(rig.grant.failure() == expected);
  }
}

TEST_CASE("a PCP server's answer is no NAT-PMP") {
  Rig rig;
  ScriptedGateway gateway(rig.worker.poller, gateway_address(),
                          [](const Bytes&) { return from_hex("02 80 0001 00000000 00000000 00000000"); });
  rig.client->look(1h, rig.facts.callback());
  REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
  CHECK(rig.facts.failure() == "absent");
}

TEST_CASE("short datagrams and answers to other requests are passed over") {
  for (const std::string_view strange :
       {"", "00", "0082 0000", "0082 0000 0000004e", "0082 0000 0000004e 1151 9c42 0000",
        "0081 0000 0000004e 1151 9c42 00000e10",     // UDP
        "0080 0000 0000004e 1151 9c42 00000e10",     // an address
        "0082 0000 0000004e 1152 9c42 00000e10"}) {  // another port
    CAPTURE(strange);
    Rig rig;
    ScriptedGateway gateway(rig.worker.poller, gateway_address(), [&](const Bytes& request) {
      return request.size() == 2 ? from_hex(kAddress) : from_hex(strange);
    });
    rig.client->map(sample_request(), rig.grant.callback());
    REQUIRE(rig.worker.until([&] { return !gateway.requests.empty(); }));
    rig.worker.settle();
    CHECK_FALSE(rig.grant.done());
    gateway.send(from_hex(kMapping));
    REQUIRE(rig.worker.until([&] { return rig.grant.done(); }));
    CHECK(rig.grant.failure() == "none");
  }
}

TEST_CASE("a mapping whose address the gateway does not know is still a mapping") {
  Rig rig;
  ScriptedGateway gateway(rig.worker.poller, gateway_address(), [](const Bytes& request) {
    return from_hex(request.size() == 2 ? "00 80 0003 0000004d 00000000" : kMapping);
  });
  rig.client->map(sample_request(), rig.grant.callback());
  REQUIRE(rig.worker.until([&] { return rig.grant.done(); }));
  REQUIRE(rig.grant.got->has_value());
  CHECK((*rig.grant.got)->external == *SocketAddress::parse("0.0.0.0:40002"));
}

TEST_CASE("after cancel() nothing is called, and the next request works") {
  Rig rig;
  ScriptedGateway gateway(rig.worker.poller, gateway_address(), good_answer);
  rig.client->look(1h, rig.facts.callback());
  rig.client->cancel();
  rig.client->map(sample_request(), rig.grant.callback());
  REQUIRE(rig.worker.until([&] { return rig.grant.done(); }));
  CHECK(rig.grant.failure() == "none");
  CHECK(rig.facts.calls == 0);
}

}  // namespace
}  // namespace fairlead::agent::nat
