#include "common/core/fair_order.h"

#include <tuple>

#include "common/base/check.h"

namespace fairlead::core {
namespace {
constexpr std::size_t kWeights = 8;  // every factor of a source divides it
}

bool FairOrder::Fullness::operator<(const Fullness& other) const {
  return std::tie(other.weight, oldest, key) < std::tie(weight, other.oldest, other.key);
}

FairOrder::Fullness FairOrder::fullness(const SourceKey& key, const Net& net) {
  return {net.entries.size() * (kWeights / key.factor()), *net.entries.begin(), key};
}

FairOrder::Turns& FairOrder::turns_around(const SourceLevels& levels, std::size_t level) {
  return level + 1 == levels.size() ? turns_ : nets_.at(levels[level + 1]).inside;
}

// At the end of the line, wherever it stood.
void FairOrder::queue_up(const SourceLevels& levels, std::size_t level, Net& net) {
  Turns& turns = turns_around(levels, level);
  turns.erase(net.turn);
  net.turn = ++last_turn_;
  turns.emplace(net.turn, levels[level]);
}

FairOrder::Ticket FairOrder::add(const IpAddress& source) {
  insert(last_ticket_ + 1, source);
  return last_ticket_;
}

void FairOrder::insert(Ticket ticket, const IpAddress& source) {
  CHECK(ticket > last_ticket_);
  last_ticket_ = ticket;
  entries_.emplace(ticket, source);
  const SourceLevels levels(source);
  for (std::size_t level = levels.size(); level-- > 0;) {  // the widest first: it holds the turns of the next
    Net& net = nets_[levels[level]];
    if (net.entries.empty()) {
      queue_up(levels, level, net);
    } else {
      fullest_.erase(fullness(levels[level], net));
    }
    net.entries.insert(ticket);
    fullest_.insert(fullness(levels[level], net));
  }
}

void FairOrder::remove(Ticket ticket) {
  const auto at = entries_.find(ticket);
  if (at == entries_.end()) return;
  const SourceLevels levels(at->second);
  entries_.erase(at);
  for (std::size_t level = 0; level < levels.size(); ++level) {
    Net& net = nets_.at(levels[level]);
    fullest_.erase(fullness(levels[level], net));
    net.entries.erase(ticket);
    if (!net.entries.empty()) {
      fullest_.insert(fullness(levels[level], net));
      continue;
    }
    turns_around(levels, level).erase(net.turn);
    nets_.erase(levels[level]);
  }
}

std::optional<FairOrder::Ticket> FairOrder::next() const {
  if (turns_.empty()) return std::nullopt;
  const Net* net = &nets_.at(turns_.begin()->second);
  while (!net->inside.empty()) net = &nets_.at(net->inside.begin()->second);
  return *net->entries.rbegin();
}

void FairOrder::queue_up(const SourceLevels& levels) {
  for (std::size_t level = 0; level < levels.size(); ++level) {
    if (const auto at = nets_.find(levels[level]); at != nets_.end()) queue_up(levels, level, at->second);
  }
}

void FairOrder::pass(Ticket ticket) {
  if (const auto at = entries_.find(ticket); at != entries_.end()) queue_up(SourceLevels(at->second));
}

std::optional<FairOrder::Ticket> FairOrder::take_next() {
  const auto ticket = next();
  if (!ticket) return std::nullopt;
  const SourceLevels levels(entries_.at(*ticket));
  remove(*ticket);
  queue_up(levels);
  return ticket;
}

std::optional<FairOrder::Ticket> FairOrder::oldest_of_fullest() const {
  if (fullest_.empty()) return std::nullopt;
  return fullest_.begin()->oldest;
}

std::optional<FairOrder::Ticket> FairOrder::oldest_of(const SourceKey& source) const {
  const auto at = nets_.find(source);
  if (at == nets_.end()) return std::nullopt;
  return *at->second.entries.begin();
}

std::optional<FairOrder::Ticket> FairOrder::oldest() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.begin()->first;
}

std::size_t FairOrder::count(const SourceKey& source) const {
  const auto at = nets_.find(source);
  return at == nets_.end() ? 0 : at->second.entries.size();
}

}  // namespace fairlead::core
