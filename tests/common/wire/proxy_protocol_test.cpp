#include "common/wire/proxy_protocol.h"

#include "common/wire/crc32c.h"
#include "tests/common/wire/tls_bytes.h"
#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

using namespace fairlead::test;

constexpr auto parse = parse_proxy_header;
const Bytes kSignature = from_hex("0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a");
const Bytes kTcp4Addresses = from_hex("c0 00 02 01  c6 33 64 07  dc 04  01 bb");  // 192.0.2.1:56324, 198.51.100.7:443

ProxyHeader between(std::string_view source, std::string_view destination) {
  ProxyHeader header;
  header.source = SocketAddress::parse(source).value();
  header.destination = SocketAddress::parse(destination).value();
  return header;
}
const ProxyHeader kTcp4 = between("192.0.2.1:56324", "198.51.100.7:443");
const ProxyHeader kTcp6 = between("[2001:db8::1]:1", "[2001:db8::2]:65535");
ProxyHeader local() {
  ProxyHeader header;
  header.local = true;
  return header;
}

ProxyHeader accepted(const Bytes& message) {
  return check_message<ProxyHeader>(message, parse);
}
ProxyHeader accepted_text(std::string_view message) {
  return accepted(from_text(message));
}
bool malformed(const Bytes& in) {
  return refused(in, parse) == Reason::proxy_header_malformed;
}
bool malformed_text(std::string_view in) {
  return malformed(from_text(in));
}

Bytes v2(std::uint8_t command, std::uint8_t family, const Bytes& block) {
  return join({kSignature, {command, family}, vec16(block)});
}
Bytes tlv(std::uint8_t type, const Bytes& value) {
  return join({{type}, vec16(value)});
}
Bytes with_tlvs(const Bytes& tlvs) {
  return v2(0x21, 0x11, join({kTcp4Addresses, tlvs}));
}

Bytes written(ProxyVersion version, const ProxyHeader& header) {
  Bytes out;
  ByteWriter writer(out);
  write_proxy_header(version, header, writer);
  return out;
}

TEST_CASE("v1 lines") {
  CHECK(accepted_text("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n") == kTcp4);
  CHECK(accepted_text("PROXY TCP6 2001:db8::1 2001:DB8::2 1 65535\r\n") == kTcp6);
  CHECK(accepted_text("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.7 56324 443\r\n") == kTcp4);
  CHECK(accepted_text("PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n").destination->port == 0);
  CHECK(accepted_text("PROXY UNKNOWN\r\n") == local());
  CHECK(accepted_text("PROXY UNKNOWN whatever stands here\r\n") == local());
  const std::string full = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  const std::string longest = "PROXY UNKNOWN " + full + " " + full + " 65535 65535\r\n";
  CHECK(longest.size() == kMaxProxyV1);
  CHECK(accepted_text(longest) == local());
}

TEST_CASE("broken v1 lines") {
  for (const char* line : {"PROXY\r\n",
                           "PROXY \r\n",
                           "PROXY TCP4\r\n",
                           "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
                           "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
                           "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
                           "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
                           "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
                           "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
                           "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
                           "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
                           "PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n",
                           "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
                           "PROXY TCP4 example.com 192.0.2.2 1 2\r\n",
                           "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
                           "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
                           "PROXY TCP6 192.0.2.1 2001:db8::2 1 2\r\n",
                           "PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n",
                           "PROXY TCP6 [2001:db8::1] 2001:db8::2 1 2\r\n",
                           "PROXY TCP6 fe80::1%eth0 2001:db8::2 1 2\r\n",
                           "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
                           "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
                           "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
                           "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
                           "PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n",
                           "PROXY TCP4 192.0.2.1\t192.0.2.2 1 2\r\n",
                           "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
                           "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rX",
                           "PROXYTCP4 192.0.2.1 192.0.2.2 1 2\r\n",
                           "PROXY UNKNOWNX\r\n",
                           "PROXY UNKNOWN \x01\r\n",
                           "PROXY UNKNOWN\n"}) {
    CAPTURE(line);
    CHECK(malformed_text(line));
  }
  using namespace std::string_literals;
  CHECK(malformed_text("PROXY TCP4 192.0.2.1\0x 192.0.2.2 1 2\r\n"s));
  const std::string too_long = "PROXY UNKNOWN " + std::string(kMaxProxyV1 - 16 + 1, 'x') + "\r\n";
  CHECK(too_long.size() == kMaxProxyV1 + 1);
  CHECK(malformed_text(too_long));
}

TEST_CASE("no signature: required, known at the first byte that differs") {
  for (const std::string_view in : {"GET / HTTP/1.1\r\n", "\x16\x03\x01", "proxy TCP4"}) {
    CHECK(refused(from_text(in), parse) == Reason::proxy_header_required);
    CHECK(decided_after(from_text(in), parse) == 1);
  }
  CHECK(refused(from_text("PROPFIND / HTTP/1.1"), parse) == Reason::proxy_header_required);
  CHECK(decided_after(from_text("PROPFIND / HTTP/1.1"), parse) == 4);
  CHECK(refused(from_hex("0d 0a 0d 0a 00 0d 0a 51 55 49 54 0d"), parse) == Reason::proxy_header_required);
}

TEST_CASE("v2, byte by byte") {
  CHECK(accepted(from_hex(R"(
      0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a     # signature
      21 11 00 0c                             # version 2 PROXY, TCP over IPv4, 12 bytes
      c0 00 02 01  c6 33 64 07                # 192.0.2.1, 198.51.100.7
      dc 04  01 bb                            # 56324, 443
  )")) == kTcp4);
  CHECK(accepted(from_hex(R"(
      0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a
      21 21 00 24                             # version 2 PROXY, TCP over IPv6, 36 bytes
      20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01
      20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02
      00 01  ff ff
  )")) == kTcp6);
}

TEST_CASE("v2 headers that leave the connection's own addresses") {
  CHECK(accepted(v2(0x20, 0x00, {})) == local());
  CHECK(accepted(v2(0x20, 0xFF, Bytes(7, 0xEE))) == local());  // LOCAL: the block and its family are ignored
  CHECK(accepted(v2(0x20, 0x11, kTcp4Addresses)) == local());
  CHECK(accepted(v2(0x21, 0x00, {})) == local());  // UNSPEC
  CHECK(accepted(v2(0x21, 0x00, Bytes(5, 1))) == local());
  CHECK(accepted(v2(0x21, 0x12, kTcp4Addresses)) == local());  // UDP
  CHECK(accepted(v2(0x21, 0x31, Bytes(216))) == local());      // UNIX
  CHECK(accepted(v2(0x21, 0x10, kTcp4Addresses)) == local());  // IPv4 without a protocol
}

TEST_CASE("broken v2 headers") {
  CHECK(malformed(v2(0x11, 0x11, kTcp4Addresses)));  // version 1 in binary
  CHECK(malformed(v2(0x31, 0x11, kTcp4Addresses)));  // version 3
  CHECK(malformed(v2(0x22, 0x11, kTcp4Addresses)));  // no such command
  CHECK(malformed(v2(0x21, 0x41, kTcp4Addresses)));  // no such family
  CHECK(malformed(v2(0x21, 0x13, kTcp4Addresses)));  // no such protocol
  CHECK(malformed(v2(0x21, 0x11, Bytes(11))));       // addresses cut short
  CHECK(malformed(v2(0x21, 0x21, Bytes(35))));
  CHECK(malformed(v2(0x21, 0x11, {})));
  CHECK(decided_after(v2(0x22, 0x11, kTcp4Addresses), parse) == 13);
  CHECK(decided_after(v2(0x21, 0x41, kTcp4Addresses), parse) == 14);
  const Bytes endless = join({kSignature, from_hex("21 11 40 01")});  // one byte above the limit
  CHECK(malformed(endless));
  CHECK(decided_after(endless, parse) == 16);
  CHECK(needs_more(parse(join({kSignature, from_hex("21 11 40 00")}))));
}

TEST_CASE("v2 TLVs") {
  ProxyHeader named = kTcp4;
  named.authority = "web.home";
  named.unique_id = Bytes(16, 7);
  const Bytes both = join({tlv(0x02, text("web.home")), tlv(0x05, Bytes(16, 7))});
  CHECK(accepted(with_tlvs(both)) == named);
  const Bytes unknown = join({tlv(0x04, {}), tlv(0x04, Bytes(9)), tlv(0x01, text("h2")), tlv(0x20, Bytes(5)),
                              tlv(0xEA, {1}), tlv(0xD0, text("spiffe://x/y")), tlv(0xFF, {})});
  CHECK(accepted(with_tlvs(join({unknown, both}))) == named);
  CHECK(accepted(with_tlvs(tlv(0x02, {}))).authority == "");
  CHECK(accepted(with_tlvs(tlv(0x05, Bytes(128, 1)))).unique_id.size() == 128);

  CHECK(malformed(with_tlvs({0x04})));
  CHECK(malformed(with_tlvs({0x04, 0x00})));
  CHECK(malformed(with_tlvs({0x04, 0x00, 0x01})));
  CHECK(malformed(with_tlvs({0x02, 0x00, 0x09, 'a'})));
  CHECK(malformed(with_tlvs(tlv(0x05, Bytes(129, 1)))));
  CHECK(malformed(with_tlvs(tlv(0x02, Bytes(256, 'a')))));
  CHECK(malformed(with_tlvs(join({tlv(0x02, text("a")), tlv(0x02, text("b"))}))));
  CHECK(malformed(with_tlvs(join({tlv(0x05, {1}), tlv(0x05, {2})}))));
}

TEST_CASE("v2 checksum: right, wrong, of a wrong size, twice") {
  const Bytes zeroed = with_tlvs(join({tlv(0x02, text("web.home")), tlv(0x03, Bytes(4))}));
  Bytes right = zeroed;
  ByteWriter(right).patch_u32(right.size() - 4, crc32c(zeroed));
  CHECK(accepted(right).authority == "web.home");
  // A flip in what the checksum covers is found, whatever byte it is; the type that makes it a checksum is the
  // exception.
  const std::size_t type_at = right.size() - 7;
  for (std::size_t at = kSignature.size() + 4; at < right.size(); ++at) {
    if (at == type_at) continue;
    Bytes flipped = right;
    flipped[at] ^= 0x10;
    CAPTURE(at);
    CHECK(malformed(flipped));
  }
  CHECK(malformed(zeroed));
  CHECK(malformed(with_tlvs(tlv(0x03, Bytes(3)))));
  CHECK(malformed(with_tlvs(tlv(0x03, Bytes(5)))));
  const Bytes twice = with_tlvs(join({tlv(0x03, Bytes(4)), tlv(0x03, Bytes(4))}));
  CHECK(malformed(twice));
}

TEST_CASE("writing v1") {
  CHECK(as_text(written(ProxyVersion::v1, kTcp4)) == "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n");
  CHECK(as_text(written(ProxyVersion::v1, kTcp6)) == "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n");
  const std::string_view unknown = "PROXY UNKNOWN\r\n";
  CHECK(as_text(written(ProxyVersion::v1, local())) == unknown);
  CHECK(as_text(written(ProxyVersion::v1, ProxyHeader{})) == unknown);
  ProxyHeader local_with_addresses = kTcp4;
  local_with_addresses.local = true;
  CHECK(as_text(written(ProxyVersion::v1, local_with_addresses)) == unknown);
}

TEST_CASE("every pair of families is written and read without losing the caller") {
  struct Row {
    ProxyHeader header;
    std::string_view v1;
    std::uint8_t v2_family;
  };
  const Row rows[] = {
      {between("192.0.2.1:1", "192.0.2.2:2"), "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 0x11},
      {between("192.0.2.1:1", "[2001:db8::2]:2"), "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n", 0x21},
      {between("[2001:db8::1]:1", "192.0.2.2:2"), "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.2 1 2\r\n", 0x21},
      {between("[2001:db8::1]:1", "[2001:db8::2]:2"), "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", 0x21},
  };
  for (const Row& row : rows) {
    CHECK(as_text(written(ProxyVersion::v1, row.header)) == row.v1);
    CHECK(accepted_text(row.v1) == row.header);
    const Bytes binary = written(ProxyVersion::v2, row.header);
    CHECK(binary[13] == row.v2_family);
    CHECK(accepted(binary) == row.header);
  }
}

TEST_CASE("v1 as nginx writes it: the word is the caller's family, the other address its own") {
  CHECK(accepted_text("PROXY TCP6 2001:db8::1 192.0.2.1 51512 443\r\n") ==
        between("[2001:db8::1]:51512", "192.0.2.1:443"));
  CHECK(accepted_text("PROXY TCP4 192.0.2.1 2001:db8::1 51512 443\r\n") ==
        between("192.0.2.1:51512", "[2001:db8::1]:443"));
}

TEST_CASE("writing and reading again") {
  const auto as = [](ProxyVersion version, const ProxyHeader& header) {
    return [=](ByteWriter& writer) { write_proxy_header(version, header, writer); };
  };
  ProxyHeader full = kTcp6;
  full.authority = std::string(kMaxProxyAuthority, 'a');
  full.unique_id = Bytes(kMaxProxyUniqueId, 9);
  ProxyHeader no_name = kTcp4;
  no_name.unique_id = Bytes(16, 1);
  const ProxyHeader mixed = between("192.0.2.1:1", "[2001:db8::2]:2");
  for (const ProxyHeader& header : {kTcp4, kTcp6, full, no_name, mixed, local()}) {
    check_round_trip(header, parse, as(ProxyVersion::v2, header));
    CHECK(written(ProxyVersion::v2, header).size() <= kMaxProxyWritten);
  }
  for (const ProxyHeader& header : {kTcp4, kTcp6, mixed, local()})
    check_round_trip(header, parse, as(ProxyVersion::v1, header));
}

TEST_CASE("v2 as written: LOCAL is bare, and a checksum comes last") {
  CHECK(written(ProxyVersion::v2, local()) == v2(0x20, 0x00, {}));
  CHECK(written(ProxyVersion::v2, ProxyHeader{}) == v2(0x20, 0x00, {}));
  const Bytes out = written(ProxyVersion::v2, kTcp4);
  Bytes zeroed = with_tlvs(tlv(0x03, Bytes(4)));
  const std::uint32_t crc = crc32c(zeroed);
  ByteWriter(zeroed).patch_u32(zeroed.size() - 4, crc);
  CHECK(out == zeroed);
}

TEST_CASE("v2 tells of TLS that was ended, in the order that readers with small buffers like") {
  ProxyHeader header = kTcp4;
  header.authority = "db.home";
  header.unique_id = Bytes(16, 7);
  header.tls = {.version = "TLSv1.2", .common_name = "nas1", .alpn = "x", .spiffe_id = "spiffe://a/b"};
  const auto said = [](std::uint8_t flags, const Bytes& name) {
    return join({tlv(0x02, from_text("db.home")), tlv(0x01, from_text("x")),
                 tlv(0x20, join({{flags, 0, 0, 0, 0}, tlv(0x21, from_text("TLSv1.2")), name})),
                 tlv(0xD0, from_text("spiffe://a/b")), tlv(0x05, Bytes(16, 7)), tlv(0x03, Bytes(4))});
  };
  const auto without_crc = [](Bytes out) {
    std::fill(out.end() - 4, out.end(), std::uint8_t{0});
    return out;
  };
  const Bytes first = written(ProxyVersion::v2, header);
  CHECK(without_crc(first) == with_tlvs(said(0x07, tlv(0x22, from_text("nas1")))));
  CHECK(accepted(first).unique_id == header.unique_id);  // which checks the sum
  header.tls->resumed = true;
  header.tls->common_name.clear();
  CHECK(without_crc(written(ProxyVersion::v2, header)) == with_tlvs(said(0x05, {})));
  CHECK(written(ProxyVersion::v1, header) == written(ProxyVersion::v1, kTcp4));
}

TEST_CASE("v2 of the longest identity fits, without its unique id if need be") {
  ProxyHeader header = kTcp6;
  header.tls = {.version = std::string(kMaxProxyVersion, 'v'),
                .common_name = std::string(kMaxProxyCommonName, 'n'),
                .alpn = std::string(kMaxProxyAlpn, 'a'),
                .spiffe_id = std::string(kMaxProxyIdentity, 's')};
  header.unique_id = Bytes(16, 7);
  CHECK(accepted(written(ProxyVersion::v2, header)).unique_id == header.unique_id);
  header.authority = std::string(kMaxProxyAuthority, 'h');
  const Bytes longest = written(ProxyVersion::v2, header);
  CHECK(longest.size() <= kMaxProxyWritten);
  CHECK(accepted(longest).unique_id.empty());
  CHECK(accepted(longest).authority == header.authority);
}

TEST_CASE("a header written behind other bytes checks itself alone") {
  Bytes out = text("before");
  ByteWriter writer(out);
  write_proxy_header(ProxyVersion::v2, kTcp4, writer);
  out.erase(out.begin(), out.begin() + 6);
  CHECK(accepted(out) == kTcp4);
}

}  // namespace
}  // namespace fairlead::wire
