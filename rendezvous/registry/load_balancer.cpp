#include "rendezvous/registry/load_balancer.h"

#include <algorithm>

namespace fairlead::rendezvous {
namespace {

constexpr int kDraws = 8;  // before all candidates are looked at: keeps the usual pick from touching thousands of them

constexpr std::size_t kCounted = 64;  // candidates that are all looked at; of more, so many are drawn

enum class Aside : std::uint8_t {
  none,      // whoever refuses or fails its clients is left out
  failing,   // those that fail their clients are taken: they are too many to be the exception
  everyone,  // nothing else is left
};

// Whether more than half fail their clients; of many candidates, most likely.
bool most_fail(std::span<const EndpointPtr> candidates, Rng& rng, TimePoint now) {
  const std::size_t counted = std::min(candidates.size(), kCounted);
  std::size_t failing = 0;
  for (std::size_t i = 0; i < counted; ++i) {
    const std::size_t at = candidates.size() <= kCounted ? i : rng.below(candidates.size());
    failing += candidates[at]->load->fails_its_clients(now) ? 1 : 0;
  }
  return failing * 2 > counted;
}

class Picker {
 public:
  Picker(std::span<const EndpointPtr> candidates, Rng& rng, TimePoint now, std::span<const Endpoint* const> tried)
      : candidates_(candidates), rng_(rng), now_(now), tried_(tried) {}

  // Two different usable endpoints by luck; null when luck did not find two.
  const EndpointPtr* draw(Aside aside) {
    const EndpointPtr* first = nullptr;
    for (int i = 0; i < kDraws; ++i) {
      const EndpointPtr* drawn = &candidates_[rng_.below(candidates_.size())];
      if (drawn == first || !is_usable(**drawn, aside)) continue;
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
    switch (aside) {
      case Aside::none:
        return !endpoint.load->is_set_aside(now_);
      case Aside::failing:
        return !endpoint.load->refuses(now_);
      case Aside::everyone:
        break;
    }
    return true;
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
  const Aside aside = most_fail(candidates, rng, now) ? Aside::failing : Aside::none;
  const EndpointPtr* picked = candidates.size() > 2 ? picker.draw(aside) : nullptr;
  if (picked == nullptr) picked = picker.scan(aside);
  if (picked == nullptr) picked = picker.scan(Aside::everyone);
  return picked != nullptr ? *picked : nullptr;
}

}  // namespace fairlead::rendezvous
