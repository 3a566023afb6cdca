#pragma once
// Who of those that wait is served next, and who goes when there is no room: fair by source (base/source_key.h).
// Pure; belongs to one thread; holds tickets alone, what they stand for is the owner's. Every call is O(log n).
//
//   next       sources take turns: /48 or IPv4 address, within it /56, then /64. Of one source the newest is served: in
//              a flood the others have no hope left, and without one the queue is short.
//   to shed    the oldest of the fullest source, so that a flood drives out itself; a /56 counts as full at 4 times a
//              host's number, a /48 at 8 times.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "common/base/source_key.h"

namespace fairlead::core {

class FairOrder {
 public:
  using Ticket = std::uint64_t;  // rises with each add()

  Ticket add(const IpAddress& source);
  // With a ticket of the caller's, above all that were here.
  void insert(Ticket ticket, const IpAddress& source);
  // Unknown tickets are ignored.
  void remove(Ticket ticket);
  // Whose turn it is. None: nobody waits.
  std::optional<Ticket> next() const;
  // Not now: its sources go to the end of the line.
  void pass(Ticket ticket);
  // next(), removed and passed.
  std::optional<Ticket> take_next();

  std::optional<Ticket> oldest_of_fullest() const;
  std::optional<Ticket> oldest_of(const SourceKey& source) const;
  std::optional<Ticket> oldest() const;
  std::size_t size() const { return entries_.size(); }
  std::size_t count(const SourceKey& source) const;

 private:
  using Turns = std::map<std::uint64_t, SourceKey>;
  struct Net {
    std::set<Ticket> entries;  // never empty
    std::uint64_t turn = 0;    // its key in the turns of the net around it
    Turns inside;              // narrower nets; none in a narrowest one
  };
  struct Fullness {
    std::size_t weight = 0;
    Ticket oldest = 0;
    SourceKey key;
    bool operator<(const Fullness& other) const;  // the fullest first; of equal ones who came first
  };

  static Fullness fullness(const SourceKey& key, const Net& net);
  Turns& turns_around(const SourceLevels& levels, std::size_t level);
  void queue_up(const SourceLevels& levels, std::size_t level, Net& net);
  void queue_up(const SourceLevels& levels);

  std::map<Ticket, IpAddress> entries_;
  std::unordered_map<SourceKey, Net> nets_;
  std::set<Fullness> fullest_;
  Turns turns_;  // of the widest nets
  Ticket last_ticket_ = 0;
  std::uint64_t last_turn_ = 0;
};

}  // namespace fairlead::core
