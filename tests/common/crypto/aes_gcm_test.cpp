#include "common/crypto/aes_gcm.h"

#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::crypto;

TEST_CASE("AES-256-GCM of the GCM specification's test cases 13 and 14") {
  CHECK(to_hex(aes256_gcm_seal({}, {}, {}, {})) == "530f8afbc74536b9a963b4f1c4cb738b");
  CHECK(to_hex(aes256_gcm_seal({}, {}, {}, Bytes(16, 0))) ==
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST_CASE("what was sealed opens, of any size") {
  AesKey key{};
  key[0] = 7;
  const GcmNonce nonce{1, 2, 3};
  for (const std::size_t n : {0, 1, 15, 16, 17, 4000}) {
    const Bytes plaintext(n, 0x5a);
    const Bytes sealed = aes256_gcm_seal(key, nonce, as_bytes("context"), plaintext);
    CHECK(sealed.size() == n + kGcmTagBytes);
    CHECK(aes256_gcm_open(key, nonce, as_bytes("context"), sealed) == plaintext);
  }
}

TEST_CASE("anything changed does not open") {
  const AesKey key{};
  const GcmNonce nonce{};
  const Bytes sealed = aes256_gcm_seal(key, nonce, as_bytes("context"), as_bytes("hello"));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 1;
    CHECK_FALSE(aes256_gcm_open(key, nonce, as_bytes("context"), changed));
    CHECK_FALSE(aes256_gcm_open(key, nonce, as_bytes("context"), ByteView(sealed).first(i)));
  }
  CHECK_FALSE(aes256_gcm_open(key, nonce, as_bytes("Context"), sealed));
  CHECK_FALSE(aes256_gcm_open(key, {1}, as_bytes("context"), sealed));
  CHECK_FALSE(aes256_gcm_open({1}, nonce, as_bytes("context"), sealed));
}
