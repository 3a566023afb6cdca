#pragma once
// A SHA-256 that is being computed, by the library that this build has for it: nettle, which uses the processor's own
// instructions where there are some (a seventh of the time), or mbedtls, which every build has. Private to this folder.
#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/crypto/secret.h"
#include "common/crypto/sha256.h"

#ifdef FAIRLEAD_NETTLE
#include <nettle/sha2.h>
#else
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>
#endif

namespace fairlead::crypto {

#ifdef FAIRLEAD_NETTLE

class Sha256State {
 public:
  Sha256State() { nettle_sha256_init(&context_); }
  ~Sha256State() { wipe(MutableBytes(reinterpret_cast<std::uint8_t*>(&context_), sizeof context_)); }
  Sha256State(const Sha256State&) = delete;
  Sha256State& operator=(const Sha256State&) = delete;

  void update(ByteView in) { nettle_sha256_update(&context_, in.size(), in.data()); }
  void finish(Digest& out) { nettle_sha256_digest(&context_, out.size(), out.data()); }

 private:
  sha256_ctx context_;
};

#else

// mbedtls 3 dropped the suffix that 2.x gave to the variants that report errors.
#if MBEDTLS_VERSION_NUMBER < 0x03000000
#define mbedtls_sha256_starts mbedtls_sha256_starts_ret
#define mbedtls_sha256_update mbedtls_sha256_update_ret
#define mbedtls_sha256_finish mbedtls_sha256_finish_ret
#endif

class Sha256State {
 public:
  Sha256State() {
    mbedtls_sha256_init(&context_);
    CHECK(mbedtls_sha256_starts(&context_, 0) == 0);
  }
  ~Sha256State() { mbedtls_sha256_free(&context_); }  // wipes it
  Sha256State(const Sha256State&) = delete;
  Sha256State& operator=(const Sha256State&) = delete;

  // It refuses null pointers even for nothing.
  void update(ByteView in) { CHECK(in.empty() || mbedtls_sha256_update(&context_, in.data(), in.size()) == 0); }
  void finish(Digest& out) { CHECK(mbedtls_sha256_finish(&context_, out.data()) == 0); }

 private:
  mbedtls_sha256_context context_;
};

#endif

}  // namespace fairlead::crypto
