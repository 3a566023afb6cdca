#include "agent/nat/pcp.h"

#include "tests/agent/nat/gateway_rig.h"
#include "tests/support/codec_checks.h"

namespace fairlead::agent::nat {
namespace {

using fairlead::test::from_hex;

constexpr std::string_view kMapAnswer = R"(
  02 81 00 00  00 00 0e 10  00 00 12 34  00000000 00000000 00000000  # version, R + MAP, SUCCESS, 3600 s, epoch
  01020304 05060708 090a0b0c   06 000000   11 51  9c 41                # nonce, TCP, 4433, 40001
  00000000 00000000 0000ffff 19010002                                  # 25.1.0.2
)";

TEST_CASE("a MAP request is laid out as RFC 6887 §11.1 draws it") {
  Bytes out;
  ByteWriter writer(out);
  write_pcp_map(*IpAddress::parse("192.168.1.10"), test::sample_request(), writer);
  CHECK(to_hex(out) == to_hex(from_hex(R"(
    02 01 0000  00001c20  00000000 00000000 0000ffff c0a8010a
    01020304 05060708 090a0b0c  06 000000  1151 9c41
    00000000 00000000 0000ffff 00000000)")));
  CHECK(out.size() == kPcpHeaderSize + kPcpMapSize);
}

TEST_CASE("a deletion wishes for no external address and port, of either family") {
  MapRequest request = test::sample_request();
  request.lifetime = 0s;
  request.external = *SocketAddress::parse("25.1.0.2:40001");
  Bytes out;
  ByteWriter writer(out);
  write_pcp_map(*IpAddress::parse("192.168.1.10"), request, writer);
  CHECK(to_hex(ByteView(out).subspan(4, 4)) == "00000000");
  CHECK(to_hex(ByteView(out).last(18)) == "000000000000000000000000ffff00000000");
  out.clear();
  write_pcp_map(*IpAddress::parse("2a01:db80:1::10"), request, writer);
  CHECK(to_hex(ByteView(out).last(18)) == "000000000000000000000000000000000000");
}

TEST_CASE("an address of the other family is not wished for") {
  Bytes out;
  ByteWriter writer(out);
  MapRequest request = test::sample_request();
  write_pcp_map(*IpAddress::parse("2a01:db80:1::10"), request, writer);
  CHECK(to_hex(ByteView(out).last(18)) == "9c4100000000000000000000000000000000");
}

TEST_CASE("an announce is a header alone") {
  Bytes out;
  ByteWriter writer(out);
  write_pcp_announce(*IpAddress::parse("2a01:db80:1::10"), writer);
  CHECK(to_hex(out) ==
        "0200000000000000"
        "2a01db80000100000000000000000010");
}

TEST_CASE("a MAP answer is read, with options behind it") {
  Bytes datagram = from_hex(kMapAnswer);
  for (const std::string_view options : {"", "02 00 0000", "02 00 0005 0102030405 000000"}) {
    CAPTURE(options);
    Bytes longer = datagram;
    const Bytes more = from_hex(options);
    longer.insert(longer.end(), more.begin(), more.end());
    const auto response = parse_pcp_response(longer);
    REQUIRE(response);
    CHECK(response->opcode == PcpOpcode::map);
    CHECK(response->lifetime == 3600);
    CHECK(response->epoch == 0x1234);
    REQUIRE(response->mapping);
    CHECK(response->mapping->nonce == test::sample_request().nonce);
    CHECK(response->mapping->protocol == 6);
    CHECK(response->mapping->internal_port == 4433);
    CHECK(response->mapping->external == *SocketAddress::parse("25.1.0.2:40001"));
    CHECK_FALSE(pcp_failure(*response));
  }
}

std::string verdict(ByteView datagram) {
  const auto response = parse_pcp_response(datagram);
  if (response) return "read";
  return response.error() == PcpDefect::other_version ? "other version" : "malformed";
}

TEST_CASE("what is no PCP answer") {
  const Bytes good = from_hex(kMapAnswer);
  for (std::size_t n = 0; n < good.size(); ++n) {
    CAPTURE(n);
    // No prefix is an answer, not even one whose length is a multiple of four.
    CHECK(verdict(ByteView(good).first(n)) == "malformed");
  }
  Bytes request = good;
  request[1] = 0x01;  // no R bit: somebody's request
  CHECK(verdict(request) == "malformed");
  Bytes peer = good;
  peer[1] = 0x82;  // an opcode that we never sent
  CHECK(verdict(peer) == "malformed");
  Bytes odd = good;
  odd.push_back(0);
  CHECK(verdict(odd) == "malformed");
  Bytes option_cut = good;
  option_cut.insert(option_cut.end(), {2, 0, 0, 5, 1, 2, 3, 4});
  CHECK(verdict(option_cut) == "malformed");
  Bytes too_long = good;
  while (too_long.size() <= kPcpMaxMessage) too_long.insert(too_long.end(), {2, 0, 0, 0});
  CHECK(verdict(too_long) == "malformed");
  too_long.resize(too_long.size() - 4);
  CHECK(verdict(too_long) == "read");
}

TEST_CASE("NAT-PMP's answer to a PCP request is known as such") {
  CHECK(verdict(from_hex("00 80 0001 00001234")) == "other version");
  CHECK(verdict(from_hex("00 81 0001 00001234")) == "other version");
  CHECK(verdict(from_hex("01 81 0001 00001234")) == "other version");
  CHECK(verdict(from_hex("00 00 0001 00001234")) == "malformed");
}

TEST_CASE("a refusal may come without the request's copy, a grant may not") {
  Bytes header(from_hex(kMapAnswer));
  header.resize(kPcpHeaderSize);
  CHECK(verdict(header) == "malformed");
  header[3] = 3;
  const auto response = parse_pcp_response(header);
  REQUIRE(response);
  CHECK_FALSE(response->mapping);
  CHECK(pcp_failure(*response)->detail == "PCP result 3: MALFORMED_REQUEST");
}

TEST_CASE("each result code says what can be done about it") {
  const auto failure = [](int code) {
    const auto error = pcp_failure({.result = static_cast<PcpResult>(code)});
    return error ? failure_name(error->failure) : "none";
  };
  const std::string_view expected[] = {"none",        "absent",      "refused",          "unsupported", "unsupported",
                                       "unsupported", "unsupported", "wan_down",         "exhausted",   "unsupported",
                                       "exhausted",   "conflict",    "address_mismatch", "exhausted",   "unsupported"};
  for (int code = 0; code < static_cast<int>(std::size(expected)); ++code) {
    CAPTURE(code);
    CHECK(failure(code) == expected[code]);
  }
  CHECK(pcp_failure({.result = static_cast<PcpResult>(200)})->detail == "PCP result 200: UNKNOWN");
}

TEST_CASE("repetitions follow §8.1.1: 3 s, doubled to 1024 s, each a tenth more or less") {
  SeededRng rng(7);
  PcpRetransmission retransmission(rng);
  Duration last = retransmission.next();
  CHECK(last >= 2700ms);
  CHECK(last <= 3300ms);
  bool varies = false;
  for (int i = 0; i < 12; ++i) {
    const Duration next = retransmission.next();
    const Duration base = std::min(2 * last, kPcpLongestRetry);
    CHECK(next >= base - base / 10);
    CHECK(next <= base + base / 10);
    varies = varies || next != base;
    last = next;
  }
  CHECK(varies);
  retransmission.restart();
  CHECK(retransmission.next() <= 3300ms);
}

}  // namespace
}  // namespace fairlead::agent::nat
