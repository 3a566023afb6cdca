#include "common/crypto/sha256.h"

#include <string>

#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::crypto;

namespace {

Bytes from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Bytes out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<std::uint8_t>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  return out;
}

Bytes counting(std::uint8_t first, std::size_t n) {
  Bytes out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::uint8_t>(first + i);
  return out;
}

}  // namespace

TEST_CASE("SHA-256 of the FIPS 180-4 examples") {
  CHECK(to_hex(sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(to_hex(sha256(as_bytes("abc"))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(to_hex(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("SHA-256 in pieces equals SHA-256 at once, wherever it is cut") {
  const Bytes text = counting(0, 200);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Sha256 hash;
    hash.update(ByteView(text).first(cut));
    hash.update(ByteView(text).subspan(cut));
    CHECK(hash.finish() == sha256(text));
  }
}

TEST_CASE("HMAC-SHA-256, RFC 4231") {
  const Bytes key1(20, 0x0b);
  const std::string expected1 = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
  CHECK(to_hex(hmac_sha256(key1, {as_bytes("Hi There")})) == expected1);
  CHECK(to_hex(hmac_sha256(key1, {as_bytes("Hi"), {}, as_bytes(" There")})) == expected1);
  CHECK(to_hex(hmac_sha256(as_bytes("Jefe"), {as_bytes("what do ya want for nothing?")})) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const Bytes long_key(131, 0xaa);
  CHECK(to_hex(hmac_sha256(long_key, {as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")})) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("HMAC takes empty keys and messages") {
  CHECK(to_hex(hmac_sha256({}, {})) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST_CASE("HKDF-SHA-256, RFC 5869 appendix A") {
  const Bytes secret(22, 0x0b);
  const Bytes info1 = counting(0xf0, 10);
  CHECK(to_hex(hkdf_sha256(secret, counting(0, 13), as_text(info1), 42)) ==
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");

  const Bytes info2 = counting(0xb0, 80);
  CHECK(to_hex(hkdf_sha256(counting(0, 80), counting(0x60, 80), as_text(info2), 82)) ==
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");

  CHECK(to_hex(hkdf_sha256(secret, {}, "", 42)) ==
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST_CASE("HKDF gives every length, and a shorter one is a prefix of a longer one") {
  const Bytes secret = from_hex("00112233445566778899aabbccddeeff");
  const Bytes longest = hkdf_sha256(secret, {}, "x", kMaxHkdfBytes);
  CHECK(longest.size() == kMaxHkdfBytes);
  for (const std::size_t n : {0, 1, 31, 32, 33, 64, 8159}) {
    const Bytes part = hkdf_sha256(secret, {}, "x", n);
    CHECK(part == Bytes(longest.begin(), longest.begin() + static_cast<std::ptrdiff_t>(n)));
  }
  CHECK(hkdf_sha256(secret, {}, "y", 32) != hkdf_sha256(secret, {}, "x", 32));
}
