#pragma once
// What a peer that ends its TLS with us may want, by ALPN: the one list of these names. Each has one room that serves
// it (rendezvous/control/tls_door.h; agent/direct for what an agent is asked).
#include <string_view>

namespace fairlead::wire {

inline constexpr const char* kSessionAlpn = "fairlead/1";        // a session: control_message.h
inline constexpr const char* kVerifyAlpn = "fairlead-verify/1";  // a dial-back (verify.h), or an agent's proof
inline constexpr const char* kJoinAlpn = "fairlead-join/1";      // a device without an identity: join.h

}  // namespace fairlead::wire
