#include "common/net/stuck_relays.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "common/base/check.h"
#include "common/net/relay.h"

namespace fairlead::net {
namespace {
constexpr Duration kLookInterval = 250ms;
}

StuckRelays::StuckRelays(Loop& loop, core::RelayBudget& budget)
    : loop_(loop), budget_(budget), timer_([](void* self) { static_cast<StuckRelays*>(self)->look(); }, this) {}

StuckRelays::~StuckRelays() {
  CHECK(list_.empty());
}

void StuckRelays::enter(Relay& relay) {
  if (relay.stuck_place) return;
  relay.stuck_place = list_.size();
  list_.push_back({.relay = &relay, .passed_on = relay.passed_on(), .since = loop_.now()});
  if (list_.size() >= crowd_) {
    loop_.timers().arm(timer_, loop_.now());
  } else if (!timer_.armed()) {
    loop_.timers().arm(timer_, loop_.now() + kLookInterval);
  }
}

void StuckRelays::leave(Relay& relay) {
  CHECK(relay.stuck_place.has_value());
  const std::size_t place = *relay.stuck_place;
  relay.stuck_place.reset();
  budget_.held(0, list_[place].memory);
  held_ -= list_[place].memory;
  list_[place] = list_.back();
  list_.pop_back();
  if (place < list_.size()) list_[place].relay->stuck_place = place;
}

void StuckRelays::look() {
  for (std::size_t i = list_.size(); i-- > 0;) {
    Relay& relay = *list_[i].relay;
    if (relay.stuck()) continue;
    relay.set_tight(false);
    leave(relay);
  }
  const std::size_t left = held_;
  held_ = 0;
  for (Entry& entry : list_) {
    look_at(entry);
    held_ += entry.memory;
  }
  budget_.held(held_, left);
  if (tight()) {
    for (const Entry& entry : list_) {
      if (entry.memory > 0) entry.relay->set_tight(entry.reads < kLooksOfReading);
    }
  }
  if (const std::size_t excess = budget_.excess()) shed(excess);
  crowd_ = std::max(kLeastCrowd, list_.size() + list_.size() / 2);
  if (!list_.empty()) loop_.timers().arm(timer_, loop_.now() + kLookInterval);
}

void StuckRelays::look_at(Entry& entry) {
  const std::uint64_t passed_on = entry.relay->passed_on();
  const std::uint64_t moved = passed_on - std::exchange(entry.passed_on, passed_on);
  const bool moves = moved >= (std::exchange(entry.looked_at, true) ? kTrickle : kFill);
  entry.reads = moved >= kReads ? entry.reads + 1 : 0;
  if (moves) entry.since = loop_.now();
  entry.memory = moves ? 0 : entry.relay->kernel_memory();
}

// The fullest first: few have to go. Each worker sheds of its own until the sum fits.
void StuckRelays::shed(std::size_t excess) {
  std::vector<Entry> victims;
  for (const Entry& entry : list_) {
    if (entry.memory > 0 && loop_.now() - entry.since >= core::kShedPatience) victims.push_back(entry);
  }
  std::ranges::sort(victims, std::ranges::greater{}, &Entry::memory);
  std::size_t gone = 0;
  for (const Entry& victim : victims) {
    if (gone >= excess) return;
    gone += victim.memory;
    victim.relay->cut_off(Reason::relay_memory);
  }
}

}  // namespace fairlead::net
