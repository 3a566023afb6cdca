#pragma once
// What kind of address an IP address is: whether the world can reach it, and if not, what stands in the way (IANA
// special-purpose registries: RFC 6890, RFC 6598, RFC 8190). Decides which addresses a port mapping may have brought,
// and which ones a rendezvous may dial. Pure; any thread.
#include <string_view>

#include "common/base/ip.h"

namespace fairlead {

enum class IpScope : std::uint8_t {
  global,       // the world can route it
  private_use,  // RFC 1918; fc00::/7
  shared,       // 100.64.0.0/10, between a carrier's NAT and its customers (RFC 6598)
  loopback,     // 127.0.0.0/8, ::1
  link_local,   // 169.254.0.0/16, fe80::/10
  multicast,    // 224.0.0.0/4, ff00::/8
  unspecified,  // 0.0.0.0/8, ::
  reserved,     // documentation, benchmarks, 192.0.0.0/24, 240.0.0.0/4, broadcast, 6to4, Teredo, NAT64, ...
};

IpScope scope_of(const IpAddress& address);
std::string_view scope_name(IpScope scope);  // snake_case, for status and probe

}  // namespace fairlead
