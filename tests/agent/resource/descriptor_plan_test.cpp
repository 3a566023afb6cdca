#include "agent/resource/descriptor_plan.h"

#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

TEST_CASE("whatever an agent may open, the sum fits and there are relays") {
  for (const std::size_t files : {256, 1024, 4096, 20'000, 1'048'576}) {
    for (const std::size_t channels : {0, 8, 1000}) {
      CAPTURE(files);
      const auto plan = plan_descriptors({.open_files = files, .channels = channels});
      CHECK(plan.sum <= files);
      CHECK(plan.sum >= files * 9 / 10);
      CHECK(plan.relays >= files / 8);
      CHECK(plan.callers >= 4);
      CHECK(plan.cut.empty());
    }
  }
}

TEST_CASE("what is configured is kept where it fits, and named where it does not") {
  CHECK(plan_descriptors({.open_files = 1024, .channels = 8, .relays = 100}).relays == 100);
  const auto cut = plan_descriptors({.open_files = 1024, .channels = 8, .relays = 5000});
  CHECK(cut.relays < 512);
  CHECK(cut.cut.find("limits.relays_max: 5000") == 0);
}

TEST_CASE("where there is plenty, callers are as many as a small device bears") {
  CHECK(plan_descriptors({.open_files = 20'000}).callers == DescriptorPlan{}.callers);
}

}  // namespace
}  // namespace fairlead::agent
