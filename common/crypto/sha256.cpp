#include "common/crypto/sha256.h"

#include <algorithm>
#include <array>

#include "common/base/check.h"
#include "common/crypto/secret.h"
#include "common/crypto/sha256_state.h"

namespace fairlead::crypto {
namespace {

constexpr std::size_t kBlock = 64;  // FIPS 180-4 §1

void update_padded(Sha256State& state, const std::array<std::uint8_t, kBlock>& key, std::uint8_t pad) {
  std::array<std::uint8_t, kBlock> block;
  std::transform(key.begin(), key.end(), block.begin(),
                 [pad](std::uint8_t byte) { return static_cast<std::uint8_t>(byte ^ pad); });
  state.update(block);
  wipe(block);
}

}  // namespace

struct Sha256::State {
  Sha256State running;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteView in) {
  CHECK(state_ != nullptr);
  state_->running.update(in);
}

Digest Sha256::finish() {
  CHECK(state_ != nullptr);
  Digest out;
  state_->running.finish(out);
  state_.reset();
  return out;
}

Digest sha256(ByteView in) {
  Sha256State state;
  state.update(in);
  Digest out;
  state.finish(out);
  return out;
}

// RFC 2104 §2.
Digest hmac_sha256(ByteView key, std::initializer_list<ByteView> parts) {
  std::array<std::uint8_t, kBlock> whole_key{};
  if (key.size() > kBlock) {
    Digest digest = sha256(key);
    std::copy(digest.begin(), digest.end(), whole_key.begin());
    wipe(digest);
  } else {
    std::copy(key.begin(), key.end(), whole_key.begin());
  }
  Digest out;
  Sha256State inner;
  update_padded(inner, whole_key, 0x36);
  for (const ByteView part : parts) inner.update(part);
  inner.finish(out);
  Sha256State outer;
  update_padded(outer, whole_key, 0x5c);
  outer.update(out);
  outer.finish(out);
  wipe(whole_key);
  return out;
}

Bytes hkdf_sha256(ByteView secret, ByteView salt, std::string_view info, std::size_t n) {
  CHECK(n <= kMaxHkdfBytes);
  Digest pseudorandom_key = hmac_sha256(salt, {secret});
  Bytes out;
  out.reserve(n);
  Digest block;
  ByteView previous;
  for (std::uint8_t counter = 1; out.size() < n; ++counter) {
    block = hmac_sha256(pseudorandom_key, {previous, as_bytes(info), ByteView(&counter, 1)});
    previous = block;
    const auto take = static_cast<std::ptrdiff_t>(std::min(block.size(), n - out.size()));
    out.insert(out.end(), block.begin(), block.begin() + take);
  }
  wipe(pseudorandom_key);
  wipe(block);
  return out;
}

}  // namespace fairlead::crypto
