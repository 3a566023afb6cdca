#include "common/wire/session_id.h"

namespace fairlead::wire {
namespace {

constexpr std::size_t kLongestText = 5;       // printable bytes in a row
constexpr std::size_t kLongestLineBegin = 1;  // printable bytes after a line's end

bool is_printable(std::uint8_t byte) {
  return byte >= 0x20 && byte < 0x7f;
}

}  // namespace

bool is_harmless(const SessionId& id) {
  std::size_t run = 0;
  bool line = false;
  for (const std::uint8_t byte : id) {
    if (is_printable(byte)) {
      if (++run > (line ? kLongestLineBegin : kLongestText)) return false;
      continue;
    }
    run = 0;
    line = byte == '\n' || byte == '\r';
  }
  return true;
}

SessionId draw_session_id(Rng& rng) {
  SessionId id{};
  do rng.fill(id);
  while (!is_harmless(id));
  return id;
}

}  // namespace fairlead::wire
