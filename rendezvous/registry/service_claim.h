#pragma once
// What an agent asks for with `register`, brought into one form. Pure; any thread.
#include "common/base/result.h"
#include "common/wire/control_message.h"

namespace fairlead::rendezvous {

inline constexpr std::size_t kMaxExtraNames = 32;   // sni of one service
inline constexpr std::size_t kMaxSubsets = 16;      // of one service
inline constexpr std::size_t kMaxServerName = 255;  // also of outbound_.65535_.SUBSET_.HOST, which clients must send

// Lower-cases and checks the names and drops repetitions. config_invalid: a service or subset that is no label, a host
// or sni that is no DNS name (IP literals, wildcards and outbound_ are none) or too long, a host without a port, too
// many names. `endpoint` is the ENDPOINT that will hold the claim: it can stand where a subset does.
Result<wire::Register> normalize_claim(const wire::Register& request, std::string_view endpoint);

}  // namespace fairlead::rendezvous
