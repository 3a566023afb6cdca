#pragma once
// Moving bytes that nobody looks at. Sending copies from one buffer, as a real sender does; receiving discards in the
// kernel (MSG_TRUNC, tcp(7)), so that two processors are left to what stands between the ends.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "common/base/bytes.h"

namespace fairlead::bench {

inline constexpr std::size_t kChunk = 256 * 1024;

enum class Moved { all, blocked, ended, failed };

// Sends until `left` is 0 or the socket takes no more.
inline Moved send_some(int fd, std::uint64_t& left) {
  static const Bytes kContent(kChunk, 'x');
  while (left > 0) {
    const auto sent = ::send(fd, kContent.data(), std::min<std::uint64_t>(left, kChunk), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return errno == EAGAIN ? Moved::blocked : Moved::failed;
    left -= static_cast<std::uint64_t>(sent);
  }
  return Moved::all;
}

// Discards what is there and counts it; one call, since level triggering tells of more.
inline Moved discard_some(int fd, std::uint64_t& count) {
  const auto got = ::recv(fd, nullptr, 4 * kChunk, MSG_TRUNC | MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN ? Moved::blocked : Moved::failed;
  count += static_cast<std::uint64_t>(got);
  return got == 0 ? Moved::ended : Moved::all;
}

}  // namespace fairlead::bench
