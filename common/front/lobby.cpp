#include "common/front/lobby.h"

namespace fairlead::front {

std::vector<Lobby::Shed> Lobby::enter(std::uint64_t number, const IpAddress& source, Sources sources) {
  std::vector<Shed> out;
  Place place;
  if (sources == Sources::counted) {
    auto token = per_source_.take(source);
    while (!token) {
      // None: other loops hold what its source may have. One for each loop and source is let in beyond the limit.
      const auto oldest = oldest_around(source);
      if (!oldest) break;
      out.push_back(shed(*oldest, Reason::unclassified_per_source));
      token = per_source_.take(source);
    }
    if (token) place.source = std::move(*token);
  }
  auto room = total_.take();
  if (!room) {
    if (const auto oldest = oldest_of_all()) out.push_back(shed(*oldest, Reason::unclassified_max));
    room = total_.take_anyway();
  }
  place.total = std::move(*room);
  place.ticket = ++last_;
  place.sources = sources;
  (sources == Sources::trusted ? trusted_ : counted_).insert(place.ticket, source);
  numbers_[place.ticket] = number;
  places_[number] = std::move(place);
  return out;
}

std::optional<core::FairOrder::Ticket> Lobby::oldest_around(const IpAddress& source) const {
  for (const SourceKey& key : SourceLevels(source)) {
    if (const auto oldest = counted_.oldest_of(key)) return oldest;
  }
  return std::nullopt;
}

std::optional<core::FairOrder::Ticket> Lobby::oldest_of_all() const {
  return (trusted_.size() > counted_.size() ? trusted_ : counted_).oldest_of_fullest();
}

Lobby::Shed Lobby::shed(core::FairOrder::Ticket ticket, Reason reason) {
  const std::uint64_t number = numbers_.at(ticket);
  leave(number);
  return {number, reason};
}

void Lobby::leave(std::uint64_t number) {
  const auto at = places_.find(number);
  if (at == places_.end()) return;
  (at->second.sources == Sources::trusted ? trusted_ : counted_).remove(at->second.ticket);
  numbers_.erase(at->second.ticket);
  places_.erase(at);
}

}  // namespace fairlead::front
