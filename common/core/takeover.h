#pragma once
// Who keeps a name when a second session of the same (SPIFFE id, ENDPOINT) says hello. Shared by registry and
// simulator. A takeover drops the old session's pool and tickets, never its live relays.
#include <cstdint>

#include "common/base/time.h"
#include "common/wire/ids.h"

namespace fairlead::core {

inline constexpr Duration kTakeoverProbe = 2s;         // the old session's deadline when another boot claims its name
inline constexpr Duration kDuplicateRetryAfter = 60s;  // told to the newcomer when the old session answered

struct SessionGeneration {
  wire::BootId boot_id{};
  std::uint64_t counter = 0;
};

enum class Takeover {
  replace,       // same boot, higher counter: the old one is a leftover of the same agent (reason superseded for it)
  refuse_stale,  // same boot, not higher: a delayed hello, or a replay (reason superseded for the newcomer)
  probe_old,     // another boot: ping the old session; it answers: duplicate_identity for the newcomer; else replace
};

Takeover decide_takeover(const SessionGeneration& held, const SessionGeneration& newcomer);

}  // namespace fairlead::core
