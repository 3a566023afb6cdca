#include "common/base/source_key.h"

#include <algorithm>

namespace fairlead {
namespace {

struct Level {
  std::uint8_t prefix;
  std::size_t factor;
};
// A site must not have as much as its networks together: one /48 holds 65,536 of them.
constexpr std::array<Level, SourceLevels::kMost> kV6Levels{{{64, 1}, {56, 4}, {48, 8}}};
constexpr std::uint8_t kV4Prefix = 32;

SourceKey network_of(const IpAddress& address, std::uint8_t prefix) {
  if (address.is_v4()) return {address, kV4Prefix};
  std::array<std::uint8_t, 16> bytes{};
  std::copy_n(address.bytes().begin(), prefix / 8, bytes.begin());
  return {IpAddress::v6(bytes), prefix};
}

}  // namespace

SourceKey SourceKey::of(const IpAddress& address) {
  return network_of(address, kV6Levels.front().prefix);
}

std::size_t SourceKey::factor() const {
  for (const Level& level : kV6Levels) {
    if (level.prefix == prefix) return level.factor;
  }
  return 1;
}

std::string SourceKey::to_string() const {
  return network.to_string() + "/" + std::to_string(prefix);
}

SourceLevels::SourceLevels(const IpAddress& address) : count_(address.is_v4() ? 1 : kMost) {
  for (std::size_t i = 0; i < count_; ++i) keys_[i] = network_of(address, kV6Levels[i].prefix);
}

}  // namespace fairlead

std::size_t std::hash<fairlead::SourceKey>::operator()(const fairlead::SourceKey& key) const noexcept {
  return std::hash<fairlead::IpAddress>()(key.network) ^ key.prefix;
}
