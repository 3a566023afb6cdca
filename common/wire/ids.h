#pragma once
// The 128-bit random numbers of the fairlead protocol and its 32-byte secrets and MACs, as values.
#include <array>
#include <cstdint>

#include "common/crypto/secret.h"

namespace fairlead::wire {

using Id128 = std::array<std::uint8_t, 16>;
using BootId = Id128;        // one start of an agent
using InstanceId = Id128;    // one start of a rendezvous
using SessionId = Id128;     // one control channel
using ConnectionId = Id128;  // one mesh connection; the `conn` of every log line
using Nonce = Id128;
using Mac = std::array<std::uint8_t, 32>;

// Every copy is wiped when it goes.
struct SessionKey : std::array<std::uint8_t, 32> {
  ~SessionKey() { crypto::wipe(*this); }
};

}  // namespace fairlead::wire
