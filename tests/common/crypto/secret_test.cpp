#include "common/crypto/secret.h"

#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::crypto;

TEST_CASE("constant-time comparison finds any flipped bit") {
  const Bytes a = {1, 2, 3, 4, 5, 6, 7, 8};
  CHECK(equal_constant_time(a, a));
  CHECK(equal_constant_time({}, {}));
  for (std::size_t i = 0; i < a.size() * 8; ++i) {
    Bytes b = a;
    b[i / 8] = static_cast<std::uint8_t>(b[i / 8] ^ (1 << (i % 8)));
    CHECK_FALSE(equal_constant_time(a, b));
  }
}

TEST_CASE("different sizes are different") {
  const Bytes a = {0, 0};
  CHECK_FALSE(equal_constant_time(a, ByteView(a).first(1)));
  CHECK_FALSE(equal_constant_time({}, a));
}

TEST_CASE("wipe leaves zeros") {
  Bytes secret = {1, 2, 3};
  wipe(MutableBytes(secret).first(2));
  CHECK(secret == Bytes{0, 0, 3});
  wipe({});
}
