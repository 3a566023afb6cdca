#include "common/wire/crc32c.h"

#include <array>

namespace fairlead::wire {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  constexpr std::uint32_t kReflectedPolynomial = 0x82F63B78;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? kReflectedPolynomial : 0);
    table[i] = value;
  }
  return table;
}
constexpr auto kTable = make_table();

}  // namespace

std::uint32_t crc32c(ByteView in) {
  std::uint32_t value = 0xFFFFFFFF;
  for (const std::uint8_t byte : in) value = value >> 8 ^ kTable[(value ^ byte) & 0xFF];
  return ~value;
}

}  // namespace fairlead::wire
