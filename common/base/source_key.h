#pragma once
// Whom a limit "per source" counts: one IPv4 address, or one IPv6 network. A host owns a /64 at least, so addresses
// within it are one source; sites own a /56 or a /48, so these are counted beside it, with larger limits.
// Values; any thread.
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <span>

#include "common/base/ip.h"

namespace fairlead {

struct SourceKey {
  IpAddress network;  // bits behind the prefix are zero
  std::uint8_t prefix = 32;

  static SourceKey of(const IpAddress& address);  // the narrowest: /32 or /64
  // How many times the limit of a narrowest source this one may have.
  std::size_t factor() const;
  std::string to_string() const;
  auto operator<=>(const SourceKey&) const = default;
};

// The sources that one address counts for, the narrowest first: {/32}, or {/64, /56, /48}.
class SourceLevels {
 public:
  static constexpr std::size_t kMost = 3;

  explicit SourceLevels(const IpAddress& address);
  const SourceKey& narrowest() const { return keys_.front(); }
  const SourceKey& widest() const { return keys_[count_ - 1]; }
  auto begin() const { return keys_.begin(); }
  auto end() const { return keys_.begin() + static_cast<std::ptrdiff_t>(count_); }
  std::size_t size() const { return count_; }
  const SourceKey& operator[](std::size_t at) const { return keys_[at]; }

 private:
  std::array<SourceKey, kMost> keys_;
  std::size_t count_;
};

}  // namespace fairlead

template <>
struct std::hash<fairlead::SourceKey> {
  std::size_t operator()(const fairlead::SourceKey& key) const noexcept;
};
