#pragma once
// What a resumed session stands on: the TLS session itself and everything that must be judged again before it is used.
// The server seals it into its tickets; the client keeps it beside its ticket. The fields were judged at the full
// handshake that began the session.
#include <optional>

#include "common/base/bytes.h"
#include "common/tls/peer_certificate.h"
#include "common/tls/ticket_keys.h"

namespace fairlead::tls {

// Raised with every change of this format or of the cipher suites: a library that resumes under another suite than the
// session's breaks the handshake, where a full one would have worked.
inline constexpr std::uint8_t kSessionStateVersion = 2;
// A ticket that a clock set back makes look younger than now is refused beyond this.
inline constexpr std::chrono::minutes kClockSlack{5};

struct SessionState {
  PeerIdentity peer;
  Digest ca_hash{};     // of the bundle that judged the peer
  Digest local_leaf{};  // the certificate that we showed
  WallTime issued{};
  Bytes tls;  // as the library serializes it
  bool operator==(const SessionState&) const = default;
};

Bytes write_session_state(const SessionState& state);
std::optional<SessionState> parse_session_state(ByteView in);

// Whether the session may be used now under this CA bundle; none: it may.
ResumptionRefused judge_session(const SessionState& state, const Digest& ca_hash, WallTime now);

}  // namespace fairlead::tls
