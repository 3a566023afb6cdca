#include "common/crypto/secret.h"

#include <mbedtls/platform_util.h>

namespace fairlead::crypto {

bool equal_constant_time(ByteView a, ByteView b) {
  if (a.size() != b.size()) return false;
  // volatile: the loop must not become a comparison that stops early.
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

void wipe(MutableBytes secret) {
  if (!secret.empty()) mbedtls_platform_zeroize(secret.data(), secret.size());
}

}  // namespace fairlead::crypto
