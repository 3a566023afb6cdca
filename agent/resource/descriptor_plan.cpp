#include "agent/resource/descriptor_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace fairlead::agent {
namespace {
constexpr std::size_t kFixed = 96;  // standard streams, loop, sessions, listeners, control socket, NAT, lookups, spare
constexpr std::size_t kRelay = 2;
constexpr std::size_t kPipe = 2;
}  // namespace

DescriptorPlan plan_descriptors(const DescriptorWishes& wishes) {
  const std::size_t left = wishes.open_files > 2 * kFixed ? wishes.open_files - kFixed : wishes.open_files / 2;
  DescriptorPlan out;
  out.callers = std::clamp<std::size_t>(left / 16, 1, out.callers);
  out.farewells = std::clamp<std::size_t>(left / 16, 1, out.farewells);
  out.pipes = std::clamp<std::size_t>(left / 32, 1, out.pipes);
  const std::size_t channels = std::min(wishes.channels, left / 4);
  const std::size_t aside = channels + out.callers + out.farewells + out.pipes * kPipe;
  const std::size_t most = std::max<std::size_t>(1, (left - std::min(left, aside)) / kRelay);
  out.relays = wishes.relays == 0 ? most : std::min(wishes.relays, most);
  if (wishes.relays > most) {
    out.cut = fmt::format("limits.relays_max: {} does not fit into {} open files; it is {}", wishes.relays,
                          wishes.open_files, most);
  }
  out.sum = kFixed + aside + out.relays * kRelay;
  return out;
}

}  // namespace fairlead::agent
