#include "common/crypto/system_rng.h"

#include <sys/random.h>

#include <cerrno>

#include "common/base/check.h"

namespace fairlead::crypto {

void fill_random(MutableBytes out) {
  while (!out.empty()) {
    const ssize_t n = getrandom(out.data(), out.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    CHECK(n > 0);
    out = out.subspan(static_cast<std::size_t>(n));
  }
}

std::uint64_t SystemRng::next() {
  std::uint8_t raw[8];
  fill_random(raw);
  std::uint64_t value = 0;
  for (const std::uint8_t byte : raw) value = value << 8 | byte;
  return value;
}

}  // namespace fairlead::crypto
