#pragma once
// Randomness as an argument. SeededRng makes runs repeat (tests, jitter); what must not be guessed comes from
// crypto::SystemRng, which has the same interface.
#include <cstdint>

#include "common/base/bytes.h"

namespace fairlead {

class Rng {
 public:
  virtual ~Rng() = default;
  virtual std::uint64_t next() = 0;

  // Uniform in [0, bound); 0 < bound < 2^32. The bias of the multiply-shift is below bound / 2^32.
  std::uint64_t below(std::uint64_t bound) { return ((next() >> 32) * bound) >> 32; }
  void fill(MutableBytes out);
};

// SplitMix64: good enough for jitter and simulation, not for secrets.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

 private:
  std::uint64_t state_;
};

}  // namespace fairlead
