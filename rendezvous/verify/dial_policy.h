#pragma once
// Which addresses a rendezvous dials back at all: never itself, nothing inside a site, no well-known port. So it cannot
// be used to attack or scan others. Pure; any thread.
#include <optional>
#include <vector>

#include "common/base/ip.h"
#include "common/base/ip_scope.h"

namespace fairlead::rendezvous {

inline constexpr std::uint16_t kLowestVerifyPort = 1024;

struct DialPolicy {
  std::vector<IpAddress> own;  // this host's addresses and the server's public ones
  bool any_scope = false;      // laboratories: private, shared and loopback addresses, too
};

bool may_dial(const SocketAddress& address, const DialPolicy& policy);

// Where a dial-back comes from: an address that the agent's own flow does not use, where there is one of the family,
// since some NATs let in whoever they sent something to. Absent: the kernel chooses.
std::optional<IpAddress> dial_source(const SocketAddress& target, const IpAddress& session_local,
                                     const std::vector<IpAddress>& sources);

// Those of this host that the world can reach: dial-backs come from one of them unless the configuration names others.
std::vector<IpAddress> global_addresses(std::vector<IpAddress> addresses);

}  // namespace fairlead::rendezvous
