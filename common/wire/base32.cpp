#include "common/wire/base32.h"

namespace fairlead::wire {
namespace {

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
constexpr unsigned kBitsPerLetter = 5;

}  // namespace

std::string to_base32(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() * 8 + kBitsPerLetter - 1) / kBitsPerLetter);
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (const std::uint8_t byte : bytes) {
    held = held << 8 | byte;
    for (bits += 8; bits >= kBitsPerLetter;) {
      bits -= kBitsPerLetter;
      out += kLetters[held >> bits & 31U];
    }
  }
  if (bits > 0) out += kLetters[held << (kBitsPerLetter - bits) & 31U];
  return out;
}

std::optional<Bytes> from_base32(std::string_view text) {
  Bytes out;
  out.reserve(text.size() * kBitsPerLetter / 8);
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (const char letter : text) {
    const std::size_t value = kLetters.find(letter);
    if (value == std::string_view::npos) return std::nullopt;
    held = held << kBitsPerLetter | static_cast<std::uint32_t>(value);
    bits += kBitsPerLetter;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<std::uint8_t>(held >> bits));
  }
  const std::uint32_t behind = held & ((1U << bits) - 1U);
  if (bits >= kBitsPerLetter || behind != 0) return std::nullopt;
  return out;
}

}  // namespace fairlead::wire
