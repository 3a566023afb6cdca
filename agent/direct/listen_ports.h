#pragma once
// Which port the agent's own listener takes where its configuration leaves that open: one that follows from the agent's
// name, so that a forwarding made by hand still fits after a restart. Binds; used at the start, and again for what was
// left out when the network changes.
#include <array>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/net/fd.h"

namespace fairlead::agent {

// Below the ports that Linux gives to outgoing connections, above those of well-known services.
inline constexpr std::uint16_t kFirstListenPort = 10000;
inline constexpr std::uint16_t kLastListenPort = 31999;
inline constexpr std::size_t kListenPortTries = 16;

// What is tried, in order; the same for the same name.
std::array<std::uint16_t, kListenPortTries> listen_ports(std::string_view name);

struct BoundSocket {
  SocketAddress address;
  net::Fd fd;
};
struct LeftOut {
  SocketAddress address;  // as wanted
  Error why;
};
// Binds what can be bound of `wanted`. Port 0: the first of listen_ports() that is free for all such addresses, or else
// for each. An address or a family that this host does not have is left out, logged and added to `left`; the error of
// the last one when nothing is left.
Result<std::vector<BoundSocket>> bind_listeners(const std::vector<SocketAddress>& wanted, std::string_view name,
                                                std::vector<LeftOut>* left = nullptr);

}  // namespace fairlead::agent
