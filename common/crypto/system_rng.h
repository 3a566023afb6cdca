#pragma once
// The kernel's random numbers (getrandom(2)) as an Rng: keys, nonces, ids. Stateless: one object may serve all threads.
#include "common/base/random.h"

namespace fairlead::crypto {

void fill_random(MutableBytes out);

class SystemRng final : public Rng {
 public:
  std::uint64_t next() override;
};

}  // namespace fairlead::crypto
