#pragma once
// The token that a device joins with: one word that `token create` prints and a person copies.
//   "fl1_" | base32( id[8] | secret[16] | SHA-256 of the CA's public key | u8 count, addresses | text rendezvous id |
//            CRC-32C of all before )
// It names the CA by its key (the DER of SubjectPublicKeyInfo), so the first connection is already authenticated: the
// secret is said to nobody else. The checksum tells a token that was copied in part from one that is refused.
// Pure; any thread.
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/crypto/secret.h"
#include "common/crypto/sha256.h"

namespace fairlead::wire {

inline constexpr std::string_view kJoinTokenPrefix = "fl1_";
inline constexpr std::size_t kMaxJoinAddresses = 8;
inline constexpr std::size_t kMaxJoinTokenText = 2048;

// Found in lists and logs: it is no secret.
using JoinTokenId = std::array<std::uint8_t, 8>;

// Every copy is wiped when it goes.
struct JoinSecret : std::array<std::uint8_t, 16> {
  ~JoinSecret() { crypto::wipe(*this); }
};

struct JoinToken {
  JoinTokenId id{};
  JoinSecret secret{};
  crypto::Digest ca_key_sha256{};
  std::vector<HostPort> rendezvous;  // 1 to kMaxJoinAddresses
  std::string rendezvous_id;         // the SPIFFE id, or a pattern of it, that must answer there
  bool operator==(const JoinToken&) const = default;
};

// Blanks around it are dropped. Errors: token_malformed, with what is wrong and never the token itself.
Result<JoinToken> parse_join_token(std::string_view text);
std::string write_join_token(const JoinToken& token);

// As people see and type an id: base32, 13 letters.
std::string join_token_id_text(const JoinTokenId& id);
Result<JoinTokenId> parse_join_token_id(std::string_view text);  // token_malformed

}  // namespace fairlead::wire
