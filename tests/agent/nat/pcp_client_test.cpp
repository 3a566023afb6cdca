#include "agent/nat/gateways.h"
#include "agent/nat/pcp.h"
#include "tests/agent/nat/gateway_rig.h"

namespace fairlead::agent::nat {
namespace {

using namespace fairlead::agent::nat::test;

// What a good gateway answers to a request.
Bytes answer_to(const Bytes& request, std::uint8_t result = 0) {
  Bytes out = request;
  out[1] = static_cast<std::uint8_t>(out[1] | 0x80);
  out[3] = result;
  std::fill(out.begin() + 8, out.begin() + 24, std::uint8_t{0});
  out[11] = 77;  // epoch
  if (out.size() == kPcpHeaderSize + kPcpMapSize) {
    const IpAddress external = *IpAddress::parse("25.1.0.2");
    std::ranges::copy(external.bytes(), out.end() - 4);
  }
  return out;
}

struct Rig {
  net::test::Worker worker;
  SeededRng rng{1};
  std::unique_ptr<GatewayClient> client = make_pcp_client(worker.poller, rng, loopback_uplink());
  Outcome<GatewayFacts> facts;
  Outcome<MapGrant> grant;
};

TEST_CASE("a gateway that speaks PCP is found, maps and gives back") {
  Rig rig;
  ScriptedGateway gateway(rig.worker.poller, gateway_address(),
                          [](const Bytes& request) { return answer_to(request); });
  rig.client->look(5s, rig.facts.callback());
  CHECK_FALSE(rig.facts.done());  // never from within the call
  REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
  REQUIRE(rig.facts.got->has_value());
  CHECK((*rig.facts.got)->version == "2");
  CHECK((*rig.facts.got)->epoch == 77);

  rig.client->map(sample_request(), rig.grant.callback());
  REQUIRE(rig.worker.until([&] { return rig.grant.done(); }));
  REQUIRE(rig.grant.got->has_value());
  CHECK((*rig.grant.got)->external == *SocketAddress::parse("25.1.0.2:40001"));
  CHECK((*rig.grant.got)->lifetime == 7200s);
  CHECK((*rig.grant.got)->epoch == 77);

  Outcome<MapGrant> gone;
  rig.client->unmap(sample_request(), gone.callback());
  REQUIRE(rig.worker.until([&] { return gone.done(); }));
  CHECK(gone.failure() == "none");
  CHECK(to_hex(ByteView(gateway.requests.back()).subspan(4, 4)) == "00000000");
  // From the address that is to be mapped.
  CHECK(gateway.client.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
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
  rig.client->look(400ms, rig.facts.callback());
  REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
  CHECK(rig.facts.failure() == "absent");
  CHECK(gateway.requests.size() == 2);
}

TEST_CASE("one that answered before and is silent now is late") {
  Rig rig;
  int count = 0;
  ScriptedGateway gateway(rig.worker.poller, gateway_address(), [&](const Bytes& request) {
    return ++count == 1 ? std::optional(answer_to(request)) : std::nullopt;
  });
  rig.client->look(1h, rig.facts.callback());
  REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
  Outcome<GatewayFacts> again;
  rig.client->look(50ms, again.callback());
  REQUIRE(rig.worker.until([&] { return again.done(); }));
  CHECK(again.failure() == "late");
}

TEST_CASE("a gateway of NAT-PMP alone has no PCP") {
  Rig rig;
  ScriptedGateway gateway(rig.worker.poller, gateway_address(),
                          [](const Bytes&) { return Bytes{0, 0x80, 0, 1, 0, 0, 0, 9}; });
  rig.client->look(1h, rig.facts.callback());
  REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
  CHECK(rig.facts.failure() == "absent");
}

TEST_CASE("a server without ANNOUNCE is a server; one that forbids is none") {
  for (const auto& [result, expected] : {std::pair(4, "none"), std::pair(2, "refused"), std::pair(1, "absent")}) {
    CAPTURE(result);
    Rig rig;
    ScriptedGateway gateway(rig.worker.poller, gateway_address(), [result](const Bytes& request) {
      return answer_to(request, static_cast<std::uint8_t>(result));
    });
    rig.client->look(1h, rig.facts.callback());
    REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
    CHECK(rig.facts.failure() == expected);
  }
}

TEST_CASE("answers to another request are not taken for ours") {
  for (const std::size_t at : {std::size_t{24}, std::size_t{35}, std::size_t{41}}) {  // nonce, its end, internal port
    CAPTURE(at);
    Rig rig;
    ScriptedGateway gateway(rig.worker.poller, gateway_address(), [at](const Bytes& request) {
      Bytes out = answer_to(request);
      out[at] ^= 1;
      return out;
    });
    rig.client->map(sample_request(), rig.grant.callback());
    REQUIRE(rig.worker.until([&] { return !gateway.requests.empty(); }));
    rig.worker.settle();
    CHECK_FALSE(rig.grant.done());
    gateway.send(answer_to(gateway.requests.back()));
    REQUIRE(rig.worker.until([&] { return rig.grant.done(); }));
    CHECK(rig.grant.failure() == "none");
  }
}

TEST_CASE("garbage is passed over; without anything better it is named") {
  Rig rig;
  ScriptedGateway gateway(rig.worker.poller, gateway_address(), [](const Bytes&) { return Bytes{2, 0x80, 0}; });
  rig.client->look(50ms, rig.facts.callback());
  REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
  CHECK(rig.facts.failure() == "broken");
}

TEST_CASE("an answer of another address counts only with the nonce and from the same link") {
  Rig rig;
  ScriptedGateway asked(rig.worker.poller, gateway_address(), [](const Bytes&) { return std::nullopt; });
  ScriptedGateway other(rig.worker.poller, loopback_address(101), [](const Bytes&) { return std::nullopt; });
  rig.client->map(sample_request(), rig.grant.callback());
  REQUIRE(rig.worker.until([&] { return !asked.requests.empty(); }));
  other.client = asked.client;
  other.send(answer_to(asked.requests.back()));  // loopback is nobody's neighbour
  rig.worker.settle();
  CHECK_FALSE(rig.grant.done());
}

TEST_CASE("a grant for no time is no grant") {
  Rig rig;
  ScriptedGateway gateway(rig.worker.poller, gateway_address(), [](const Bytes& request) {
    Bytes out = answer_to(request);
    std::fill(out.begin() + 4, out.begin() + 8, std::uint8_t{0});
    return out;
  });
  rig.client->map(sample_request(), rig.grant.callback());
  REQUIRE(rig.worker.until([&] { return rig.grant.done(); }));
  CHECK(rig.grant.failure() == "broken");
}

TEST_CASE("after cancel() nothing is called, and the next request works") {
  Rig rig;
  ScriptedGateway gateway(rig.worker.poller, gateway_address(),
                          [](const Bytes& request) { return answer_to(request); });
  rig.client->look(1h, rig.facts.callback());
  rig.client->cancel();
  rig.client->map(sample_request(), rig.grant.callback());
  REQUIRE(rig.worker.until([&] { return rig.grant.done(); }));
  CHECK(rig.grant.failure() == "none");
  CHECK(rig.facts.calls == 0);
}

TEST_CASE("the callback may destroy the client") {
  Rig rig;
  bool called = false;
  rig.client->look(1h, [&](const auto&) {
    rig.client.reset();
    called = true;
  });
  REQUIRE(rig.worker.until([&] { return called; }));
}

}  // namespace
}  // namespace fairlead::agent::nat
