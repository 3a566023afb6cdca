#include "rendezvous/relay/unproved_relays.h"

#include <algorithm>

namespace fairlead::rendezvous {

SourceToken UnprovedRelays::admit(const IpAddress& source) {
  auto token = per_source_.take(source);
  if (!token) {
    forget_finished();
    token = per_source_.take(source);
  }
  while (!token) {
    const auto oldest = take_oldest_beside(source);
    if (!oldest) return {};
    close_(*oldest);
    token = per_source_.take(source);
  }
  return std::move(*token);
}

// Of its own narrowest source first: that one may be what is full.
std::optional<std::uint64_t> UnprovedRelays::take_oldest_beside(const IpAddress& source) {
  const SourceLevels levels(source);
  for (std::size_t level = 0; level < levels.size(); ++level) {
    const auto at = std::find_if(young_.begin(), young_.end(), [&](const Young& each) {
      const SourceLevels other(each.source);
      return other.size() == levels.size() && other[level] == levels[level];
    });
    if (at == young_.end()) continue;
    const std::uint64_t number = at->number;
    young_.erase(at);
    return number;
  }
  return std::nullopt;
}

void UnprovedRelays::add(std::uint64_t number, const IpAddress& source) {
  while (!young_.empty() && look_(young_.front().number) != State::unproved) young_.pop_front();
  young_.push_back({number, source});
}

void UnprovedRelays::forget_finished() {
  std::erase_if(young_, [this](const Young& each) { return look_(each.number) != State::unproved; });
}

}  // namespace fairlead::rendezvous
