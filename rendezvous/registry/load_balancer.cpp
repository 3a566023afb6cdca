#include "rendezvous/registry/load_balancer.h"

#include <algorithm>

namespace fairlead::rendezvous {
namespace {

constexpr int kDraws = 8;  // before all candidates are looked at: keeps the usual pick from touching thousands of them

enum class Aside : std::uint8_t { leave_out, take };

class Picker {
 public:
  Picker(std::span<const EndpointPtr> candidates, Rng& rng, TimePoint now, std::span<const Endpoint* const> tried)
      : candidates_(candidates), rng_(rng), now_(now), tried_(tried) {}

  // Two different usable endpoints by luck; null when luck did not find two.
  const EndpointPtr* draw() {
    const EndpointPtr* first = nullptr;
    for (int i = 0; i < kDraws; ++i) {
      const EndpointPtr* drawn = &candidates_[rng_.below(candidates_.size())];
      if (drawn == first || !is_usable(**drawn, Aside::leave_out)) continue;
      if (first != nullptr) return &lighter(*first, *drawn);
      first = drawn;
    }
    return nullptr;
  }

  // The same by looking at each one (reservoir of two); null when none is usable.
  const EndpointPtr* scan(Aside aside) {
    const EndpointPtr* kept[2] = {nullptr, nullptr};
    std::uint64_t usable = 0;
    for (const EndpointPtr& candidate : candidates_) {
      if (!is_usable(*candidate, aside)) continue;
      const std::uint64_t slot = usable < 2 ? usable : rng_.below(usable + 1);
      if (slot < 2) kept[slot] = &candidate;
      ++usable;
    }
    return kept[1] != nullptr ? &lighter(*kept[0], *kept[1]) : kept[0];
  }

 private:
  bool is_usable(const Endpoint& endpoint, Aside aside) const {
    if (std::ranges::find(tried_, &endpoint) != tried_.end()) return false;
    return aside == Aside::take || !endpoint.load->is_set_aside(now_);
  }
  const EndpointPtr& lighter(const EndpointPtr& a, const EndpointPtr& b) {
    const auto left = a->load->weight(now_);
    const auto right = b->load->weight(now_);
    if (left == right) return rng_.below(2) == 0 ? a : b;  // a scan's order must not decide
    return left < right ? a : b;
  }

  std::span<const EndpointPtr> candidates_;
  Rng& rng_;
  TimePoint now_;
  std::span<const Endpoint* const> tried_;
};

}  // namespace

EndpointPtr pick(std::span<const EndpointPtr> candidates, Rng& rng, TimePoint now,
                 std::span<const Endpoint* const> tried) {
  Picker picker(candidates, rng, now, tried);
  const EndpointPtr* picked = candidates.size() > 2 ? picker.draw() : nullptr;
  if (picked == nullptr) picked = picker.scan(Aside::leave_out);
  if (picked == nullptr) picked = picker.scan(Aside::take);
  return picked != nullptr ? *picked : nullptr;
}

}  // namespace fairlead::rendezvous
