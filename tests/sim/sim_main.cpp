// Runs simulated worlds, one per seed: sim_tests [COUNT [FIRST_SEED]]; FAIRLEAD_SIM_SEEDS sets the count, too.
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "tests/sim/world.h"

#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t kDefaultCount = 40;  // ten times slower
#else
constexpr std::uint64_t kDefaultCount = 200;
#endif

int main(int argc, char** argv) {
  const char* const wished = std::getenv("FAIRLEAD_SIM_SEEDS");
  std::uint64_t count = wished != nullptr ? std::strtoull(wished, nullptr, 10) : kDefaultCount;
  if (argc > 1) count = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;

  fairlead::sim::Tally all;
  int failures = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    try {
      fairlead::sim::World world(seed);
      const fairlead::sim::Tally tally = world.run();
      all.steps += tally.steps;
      all.clients += tally.clients;
      all.delivered += tally.delivered;
      all.accepted += tally.accepted;
    } catch (const std::exception& failure) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), failure.what());
      if (++failures == 10) break;
    }
  }
  std::printf("%llu worlds, %zu steps, %zu of %zu clients delivered, %zu messages accepted, %d failures\n",
              static_cast<unsigned long long>(count), all.steps, all.delivered, all.clients, all.accepted, failures);
  // A simulation in which nothing works would keep every promise.
  const bool worked = count == 0 || all.delivered * 2 > all.clients;
  return failures == 0 && count > 0 && worked ? 0 : 1;
}
