#pragma once
// What identifies one mapping in a gateway: enough to renew it, or to delete it in a later life of this program.
// Values; any thread.
#include <chrono>
#include <string>
#include <string_view>

#include "agent/nat/gateway_client.h"
#include "agent/nat/uplink.h"
#include "common/base/time.h"

namespace fairlead::agent::nat {

struct MappingRecord {
  MappingProtocol protocol = MappingProtocol::pcp;
  std::string interface;
  IpAddress gateway;
  SocketAddress internal;
  SocketAddress external;
  std::chrono::seconds lifetime{};  // granted, or asked for when no answer came; 0: without end
  MappingNonce nonce{};
  WallTime since{};  // filled by the journal
  bool operator==(const MappingRecord&) const = default;
};

inline constexpr std::size_t kProtocols = 3;
constexpr std::size_t index_of(MappingProtocol protocol) {
  return static_cast<std::size_t>(protocol);
}

constexpr std::string_view protocol_name(MappingProtocol protocol) {
  switch (protocol) {
    case MappingProtocol::pcp:
      return "pcp";
    case MappingProtocol::nat_pmp:
      return "nat_pmp";
    case MappingProtocol::upnp:
      return "upnp";
  }
  return "";
}

}  // namespace fairlead::agent::nat
