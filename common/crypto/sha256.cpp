#include "common/crypto/sha256.h"

#include <mbedtls/md.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/crypto/secret.h"

namespace fairlead::crypto {
namespace {

// mbedtls 3 dropped the suffix that 2.x gave to the variants that report errors.
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
int start(mbedtls_sha256_context* state) {
  return mbedtls_sha256_starts(state, 0);
}
int add(mbedtls_sha256_context* state, ByteView in) {
  return mbedtls_sha256_update(state, in.data(), in.size());
}
int end(mbedtls_sha256_context* state, Digest& out) {
  return mbedtls_sha256_finish(state, out.data());
}
#else
int start(mbedtls_sha256_context* state) {
  return mbedtls_sha256_starts_ret(state, 0);
}
int add(mbedtls_sha256_context* state, ByteView in) {
  return mbedtls_sha256_update_ret(state, in.data(), in.size());
}
int end(mbedtls_sha256_context* state, Digest& out) {
  return mbedtls_sha256_finish_ret(state, out.data());
}
#endif

// Some of the library's functions refuse null pointers even for nothing.
ByteView not_null(ByteView in) {
  static constexpr std::uint8_t kNothing = 0;
  return in.data() == nullptr ? ByteView(&kNothing, 0) : in;
}

}  // namespace

struct Sha256::State {
  State() { mbedtls_sha256_init(&context); }
  ~State() { mbedtls_sha256_free(&context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  mbedtls_sha256_context context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  CHECK(start(&state_->context) == 0);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteView in) {
  CHECK(state_ != nullptr);
  CHECK(add(&state_->context, not_null(in)) == 0);
}

Digest Sha256::finish() {
  CHECK(state_ != nullptr);
  Digest out;
  CHECK(end(&state_->context, out) == 0);
  state_.reset();
  return out;
}

Digest sha256(ByteView in) {
  Sha256 hash;
  hash.update(in);
  return hash.finish();
}

Digest hmac_sha256(ByteView key, std::initializer_list<ByteView> parts) {
  mbedtls_md_context_t context;
  mbedtls_md_init(&context);
  CHECK(mbedtls_md_setup(&context, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 1) == 0);
  const ByteView safe_key = not_null(key);
  CHECK(mbedtls_md_hmac_starts(&context, safe_key.data(), safe_key.size()) == 0);
  for (const ByteView part : parts) {
    const ByteView safe_part = not_null(part);
    CHECK(mbedtls_md_hmac_update(&context, safe_part.data(), safe_part.size()) == 0);
  }
  Digest out;
  CHECK(mbedtls_md_hmac_finish(&context, out.data()) == 0);
  mbedtls_md_free(&context);
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
