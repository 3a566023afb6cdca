#pragma once
// AES-256-GCM (NIST SP 800-38D) of whole messages, for session tickets. A nonce must never repeat under one key.
#include <array>
#include <optional>

#include "common/base/bytes.h"

namespace fairlead::crypto {

inline constexpr std::size_t kGcmTagBytes = 16;
using AesKey = std::array<std::uint8_t, 32>;
using GcmNonce = std::array<std::uint8_t, 12>;

// Ciphertext followed by the tag.
Bytes aes256_gcm_seal(const AesKey& key, const GcmNonce& nonce, ByteView associated, ByteView plaintext);
// Nothing when the tag does not fit.
std::optional<Bytes> aes256_gcm_open(const AesKey& key, const GcmNonce& nonce, ByteView associated, ByteView sealed);

}  // namespace fairlead::crypto
