#include "common/base/check.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "common/base/log.h"

namespace fairlead {
namespace {

constexpr int kWriteBoundMs = 200;

}  // namespace

// After what led to it, and without waiting long for a reader: an abort that hangs is worse than one without words.
void check_failed(const char* condition, const char* file, int line) {
  settle_log();
  std::array<char, 512> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "fairlead: broken invariant at %s:%d: %s\n", file, line, condition);
  pollfd polled{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (length > 0 && ::poll(&polled, 1, kWriteBoundMs) > 0) {
    const auto most = text.size() - 1;
    [[maybe_unused]] const auto written = ::write(
        STDERR_FILENO, text.data(), static_cast<std::size_t>(length) < most ? static_cast<std::size_t>(length) : most);
  }
  std::abort();
}

}  // namespace fairlead
