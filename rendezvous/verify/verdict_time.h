#pragma once
// When a dial-back that failed is told. An open port, a closed one and a silent one answer at different times, and an
// address may be shared with others: so a failure counts, for everybody, only at a time that depends on the kind of
// dial and on chance, never on what the far end did. Pure.
#include "common/base/random.h"
#include "rendezvous/verify/candidate.h"

namespace fairlead::rendezvous {

inline constexpr Duration kLivenessTimeout = 2s;   // one lost SYN is survived
inline constexpr Duration kFullCheckTimeout = 6s;  // small devices take a second for a handshake
inline constexpr Duration kVerdictJitter = 250ms;  // from the timeout on

inline Duration dial_timeout(VerifyDial kind) {
  return kind == VerifyDial::full ? kFullCheckTimeout : kLivenessTimeout;
}

inline TimePoint failure_told_at(VerifyDial kind, TimePoint began, Rng& rng) {
  const auto jitter = static_cast<std::uint64_t>(kVerdictJitter.count());
  return began + dial_timeout(kind) + Duration(static_cast<Duration::rep>(rng.below(jitter)));
}

}  // namespace fairlead::rendezvous
