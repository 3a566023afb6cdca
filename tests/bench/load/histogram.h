#pragma once
// Latencies in buckets of at most 1/32 of their value: enough for percentiles, constant in memory and time. Pure.
#include <array>
#include <bit>
#include <cstdint>

namespace fairlead::bench {

class Histogram {
 public:
  void add(std::uint64_t value) {
    ++buckets_[place(value)];
    ++count_;
  }
  std::uint64_t count() const { return count_; }

  // The middle of the bucket below which `share` (0 to 1) of all values are; 0 where there is none.
  double percentile(double share) const {
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > 0 && static_cast<double>(seen) >= share * static_cast<double>(count_)) return middle(i);
    }
    return 0;
  }

 private:
  static constexpr unsigned kBits = 5;
  static constexpr std::uint64_t kSub = 1U << kBits;

  // Values below 2 * kSub are exact; above, kSub buckets for each power of two.
  static std::size_t place(std::uint64_t value) {
    if (value < 2 * kSub) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kBits;
    return (shift + 1) * kSub + ((value >> shift) - kSub);
  }
  static double middle(std::size_t place) {
    if (place < 2 * kSub) return static_cast<double>(place);
    const std::uint64_t shift = place / kSub - 1;
    const std::uint64_t low = (place % kSub + kSub) << shift;
    return static_cast<double>(low) + static_cast<double>(1ULL << shift) / 2;
  }

  std::array<std::uint64_t, (64 - kBits + 1) * kSub> buckets_{};
  std::uint64_t count_ = 0;
};

}  // namespace fairlead::bench
