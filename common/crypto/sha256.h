#pragma once
// SHA-256 (FIPS 180-4), HMAC (RFC 2104) and HKDF (RFC 5869): the key schedule and MACs of the agent-rendezvous
// protocol, and fingerprints of certificates. Pure functions; nothing is kept between calls; usable from any thread.
#include <array>
#include <initializer_list>
#include <memory>
#include <string_view>

#include "common/base/bytes.h"

namespace fairlead::crypto {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(ByteView in);

// For data that comes in pieces. finish() may be called once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(ByteView in);
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The MAC over the concatenation of `parts`. Lengths are not mixed in: parts of variable size need their own prefix.
Digest hmac_sha256(ByteView key, std::initializer_list<ByteView> parts);

// HKDF extract-and-expand, RFC 5869 §2. At most kMaxHkdfBytes.
inline constexpr std::size_t kMaxHkdfBytes = 255 * 32;
Bytes hkdf_sha256(ByteView secret, ByteView salt, std::string_view info, std::size_t n);

}  // namespace fairlead::crypto
