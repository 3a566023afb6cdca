#include "common/base/ip_scope.h"

#include <array>
#include <span>

namespace fairlead {
namespace {

struct Block {
  std::array<std::uint8_t, 16> network;
  int prefix;
  IpScope scope;
};

// IANA "IPv4 Special-Purpose Address Registry" as far as it is not globally reachable, and RFC 5771. The few globally
// reachable hosts inside 192.0.0.0/24 are anycast services: nobody's own address. No two blocks overlap.
constexpr Block kV4[] = {
    {{0}, 8, IpScope::unspecified},           // RFC 791 §3.2
    {{10}, 8, IpScope::private_use},          // RFC 1918
    {{100, 64}, 10, IpScope::shared},         // RFC 6598
    {{127}, 8, IpScope::loopback},            // RFC 1122 §3.2.1.3
    {{169, 254}, 16, IpScope::link_local},    // RFC 3927
    {{172, 16}, 12, IpScope::private_use},    // RFC 1918
    {{192, 0, 0}, 24, IpScope::reserved},     // RFC 6890 §2.1, DS-Lite among others
    {{192, 0, 2}, 24, IpScope::reserved},     // documentation, RFC 5737
    {{192, 88, 99}, 24, IpScope::reserved},   // 6to4 relays, RFC 7526
    {{192, 168}, 16, IpScope::private_use},   // RFC 1918
    {{198, 18}, 15, IpScope::reserved},       // benchmarks, RFC 2544
    {{198, 51, 100}, 24, IpScope::reserved},  // documentation, RFC 5737
    {{203, 0, 113}, 24, IpScope::reserved},   // documentation, RFC 5737
    {{224}, 4, IpScope::multicast},           // RFC 5771
    {{240}, 4, IpScope::reserved},            // RFC 1112 §4, and broadcast
};

// IANA "IPv6 Special-Purpose Address Registry" inside 2000::/3, the only space that is handed out (RFC 4291 §2.4), and
// the blocks outside of it that have a name of their own; all the rest is reserved.
constexpr Block kV6[] = {
    {{0xfc}, 7, IpScope::private_use},                  // RFC 4193
    {{0xfe, 0x80}, 10, IpScope::link_local},            // RFC 4291 §2.5.6
    {{0xff}, 8, IpScope::multicast},                    // RFC 4291 §2.7
    {{0x20, 0x01}, 23, IpScope::reserved},              // RFC 2928: Teredo, benchmarks, ORCHID, anycast services
    {{0x20, 0x01, 0x0d, 0xb8}, 32, IpScope::reserved},  // documentation, RFC 3849
    {{0x20, 0x02}, 16, IpScope::reserved},              // 6to4, RFC 3056
    {{0x3f, 0xff}, 20, IpScope::reserved},              // documentation, RFC 9637
    {{0x20}, 3, IpScope::global},                       // after the blocks inside it
};

IpScope find(std::span<const Block> blocks, const IpAddress& address) {
  for (const Block& block : blocks) {
    const IpAddress network = address.is_v4() ? IpAddress::v4({block.network[0], block.network[1], block.network[2]})
                                              : IpAddress::v6(block.network);
    if (Cidr{network, block.prefix}.contains(address)) return block.scope;
  }
  return address.is_v4() ? IpScope::global : IpScope::reserved;
}

}  // namespace

IpScope scope_of(const IpAddress& address) {
  if (address.is_v4()) return find(kV4, address);
  if (address == IpAddress::v6({})) return IpScope::unspecified;
  if (address == IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})) return IpScope::loopback;
  return find(kV6, address);
}

std::string_view scope_name(IpScope scope) {
  switch (scope) {
    case IpScope::global:
      return "global";
    case IpScope::private_use:
      return "private_use";
    case IpScope::shared:
      return "shared";
    case IpScope::loopback:
      return "loopback";
    case IpScope::link_local:
      return "link_local";
    case IpScope::multicast:
      return "multicast";
    case IpScope::unspecified:
      return "unspecified";
    case IpScope::reserved:
      return "reserved";
  }
  return "reserved";
}

}  // namespace fairlead
