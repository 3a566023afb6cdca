#pragma once
// An address at which an agent says it is reachable without the relay, and what the dial-back says of it. Part of its
// session in the registry; it serves every service of that session, and those that are live are published before the
// relay. A value.
#include <string>

#include "common/base/ip.h"
#include "common/base/time.h"

namespace fairlead::rendezvous {

struct DirectEndpoint {
  enum class State : std::uint8_t { verifying, live, down };

  SocketAddress address;
  std::string method;  // how the agent came to it: pcp, nat_pmp, upnp, host
  State state = State::verifying;
  WallTime since{};    // of this state
  std::string reason;  // code; empty while live or not yet dialled
  bool operator==(const DirectEndpoint&) const = default;
};

}  // namespace fairlead::rendezvous
