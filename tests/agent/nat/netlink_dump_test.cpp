#include "agent/nat/netlink_dump.h"

#include <bit>

#include "tests/support/codec_checks.h"

namespace fairlead::agent::nat {
namespace {

using fairlead::test::from_hex;

// What a Linux kernel answered in a namespace with: lo, a veth pair eth1 and eth0, a tun device wg0; on eth0
// 192.168.1.10/24, 2a01:db80:1::10/64 and a deprecated ::11; on eth1 10.0.0.1 with 10.0.0.2 at the other end; default
// routes by 192.168.1.1, by two next hops, by fe80::1, and one in table 100. Of the links only name and kind are kept.
constexpr std::string_view kLinks = R"(
  2800000010000200000000000000000000000403010000004900010000000000070003006c6f0000

  3c00000010000200000000000000000000000100020000004310010000000000090003006574683100000000100012800900010076657468
  00000000

  3c00000010000200000000000000000000000100030000004310010000000000090003006574683000000000100012800900010076657468
  00000000

  340000001000020000000000000000000000feff04000000901000000000000008000300776730000c0012800800010074756e00
)";
constexpr std::string_view kAddresses = R"(
  4c000000140002000000000014330000020880fe01000000080001007f000001080002007f000001070003006c6f00000800080080000000
  14000600ffffffffffffffffc6d21900c6d21900

  500000001400020000000000143300000220800002000000080001000a000002080002000a00000109000300657468310000000008000800
  8000000014000600ffffffffffffffffc9d21900c9d21900

  50000000140002000000000014330000021880000300000008000100c0a8010a08000200c0a8010a09000300657468300000000008000800
  8000000014000600ffffffffffffffffc9d21900c9d21900

  500000001400020000000000143300000a8080fe01000000140001000000000000000000000000000000000114000600ffffffffffffffff
  c6d21900c6d21900080008008000000005000b0001000000

  500000001400020000000000143300000a40c0fd0200000014000100fe80000000000000b460dffffe41e8df14000600ffffffffffffffff
  c8d21900c8d2190008000800c000000005000b0003000000

  480000001400020000000000143300000a40a20003000000140001002a01db800001000000000000000000111400060000000000ffffffff
  cad21900cad2190008000800a2000000

  480000001400020000000000143300000a40820003000000140001002a01db8000010000000000000000001014000600ffffffffffffffff
  cad21900cad219000800080082000000

  500000001400020000000000143300000a40c0fd0300000014000100fe8000000000000010f745fffe5b62cb14000600ffffffffffffffff
  c8d21900c8d2190008000800c000000005000b0003000000
)";
constexpr std::string_view kRoutes = R"(
  3400000018000200000000001433000002000000640300010000000008000f006400000008000500c0a801090800040003000000

  3c00000018000200000000001433000002000000fe0300010000000008000f00fe000000080006006400000008000500c0a8010108000400
  03000000

  5000000018000200000000001433000002000000fe0300010000000008000f00fe00000008000600c8000000240009001000000003000000
  08000500c0a801021000000002000000080005000a000002

  740000001800020000000000143300000a000000fe0300010000000008000f00fe000000080006000004000014000500fe80000000000000
  0000000000000001080004000300000024000c00000000000000000000000000000000000000000000000000000000000000000005001400
  00000000

  3c00000018000200000000001433000002200000fe02fd010000000008000f00fe000000080001000a000002080007000a00000108000400
  02000000

  1400000003000200000000000000000000000000
)";

NetworkDump recorded() {
  NetworkDump out;
  CHECK(parse_netlink(from_hex(kLinks), out) == DumpState::more);
  CHECK(parse_netlink(from_hex(kAddresses), out) == DumpState::more);
  CHECK(parse_netlink(from_hex(kRoutes), out) == DumpState::end);
  return out;
}

// Netlink speaks the host's byte order; the recording is of a little-endian one.
constexpr bool kReadable = std::endian::native == std::endian::little;

TEST_CASE("links: name, kind, state" * doctest::skip(!kReadable)) {
  const auto links = recorded().links;
  REQUIRE(links.size() == 4);
  CHECK(links[0] == LinkInfo{.index = 1, .name = "lo", .kind = "", .up = true, .loopback = true});
  CHECK(links[1] == LinkInfo{.index = 2, .name = "eth1", .kind = "veth", .up = true});
  CHECK(links[2] == LinkInfo{.index = 3, .name = "eth0", .kind = "veth", .up = true});
  CHECK(links[3] == LinkInfo{.index = 4, .name = "wg0", .kind = "tun", .up = false});
}

TEST_CASE("addresses: ours, what is attached, and whether it is good for use" * doctest::skip(!kReadable)) {
  std::string shown;
  for (const AddressInfo& each : recorded().addresses) {
    shown += std::to_string(each.index) + " " + each.address.to_string() + " " + each.on_link.to_string() +
             (each.usable ? "" : " unusable") + "\n";
  }
  INFO(shown);
  CHECK(shown.find("3 192.168.1.10 192.168.1.10/24\n") != std::string::npos);
  CHECK(shown.find("2 10.0.0.1 10.0.0.2/32\n") != std::string::npos);
  CHECK(shown.find("3 2a01:db80:1::10 2a01:db80:1::10/64\n") != std::string::npos);
  CHECK(shown.find("3 2a01:db80:1::11 2a01:db80:1::11/64 unusable\n") != std::string::npos);
  CHECK(shown.find("127.0.0.1") == std::string::npos);  // scope host
}

TEST_CASE("default routes of the main table, each next hop of several" * doctest::skip(!kReadable)) {
  const auto routes = recorded().routes;
  REQUIRE(routes.size() == 4);
  CHECK(routes[0].gateway.to_string() == "192.168.1.1");
  CHECK(routes[0].metric == 100);
  CHECK(routes[0].index == 3);
  CHECK(routes[1].gateway.to_string() == "192.168.1.2");
  CHECK(routes[1].metric == 200);
  CHECK(routes[2].gateway.to_string() == "10.0.0.2");
  CHECK(routes[2].index == 2);
  CHECK(routes[3].gateway.to_string() == "fe80::1");
  CHECK_FALSE(routes[3].v4);
  CHECK(routes[3].preferred == IpAddress::v6({}));
}

TEST_CASE("what is cut off adds nothing wrong, and no flipped byte is read beyond the end" *
          doctest::skip(!kReadable)) {
  const NetworkDump whole = recorded();
  for (const std::string_view text : {kLinks, kAddresses, kRoutes}) {
    const Bytes datagram = from_hex(text);
    for (std::size_t n = 0; n < datagram.size(); ++n) {
      const Bytes cut(datagram.begin(), datagram.begin() + static_cast<std::ptrdiff_t>(n));
      NetworkDump part;
      parse_netlink(cut, part);
      if (part.links.size() > whole.links.size() || part.routes.size() > whole.routes.size()) FAIL_CHECK("invented");
      for (std::size_t i = 0; i < part.routes.size(); ++i) CHECK(part.routes[i] == whole.routes[i]);
      Bytes flipped = datagram;
      flipped[n] ^= 0xff;
      parse_netlink(flipped, part);
    }
  }
}

TEST_CASE("an error ends a dump") {
  NetworkDump out;
  CHECK(parse_netlink({}, out) == DumpState::more);
  if (kReadable) CHECK(parse_netlink(from_hex("14000000 0200 0200 00000000 00000000 ffffffff"), out) == DumpState::end);
  CHECK(out.links.empty());
}

TEST_CASE("this host answers") {
  const NetworkDump dump = read_network();
  CHECK_FALSE(dump.links.empty());
  CHECK(std::ranges::any_of(dump.links, [](const LinkInfo& link) { return link.loopback; }));
}

}  // namespace
}  // namespace fairlead::agent::nat
