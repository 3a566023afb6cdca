#pragma once
// The relays of one worker that hold bytes for a peer that does not take them. They are looked at four times a second,
// while there are some, and at once when there are half as many again as at the latest look: how much kernel memory
// each holds is asked only of those that hardly move, so relays that flow cost nothing. What they hold counts against
// the core::RelayBudget of all workers, whose verdict is carried out here.
//
// Lives on its worker's loop; outlives the relays. The budget outlives it.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/core/relay_budget.h"
#include "common/core/timer_queue.h"
#include "common/net/loop.h"

namespace fairlead::net {

class Relay;

// Less than this between two looks is a trickle.
inline constexpr std::uint64_t kTrickle = 256 * 1024;
// What buffers may take before a peer that does not read is noticed: up to here, the first look does not call it
// movement.
inline constexpr std::uint64_t kFill = 16 * 1024 * 1024;
// So many at once are a crowd.
inline constexpr std::size_t kLeastCrowd = 8;
// A peer that takes this much at two looks in a row reads, and small buffers are what keeps it from reading faster.
inline constexpr std::uint64_t kReads = 32 * 1024;
inline constexpr int kLooksOfReading = 2;

class StuckRelays {
 public:
  StuckRelays(Loop& loop, core::RelayBudget& budget);
  ~StuckRelays();

  bool tight() const { return budget_.tight(); }
  // At the end of a turn that left bytes behind; again and again is cheap.
  void enter(Relay& relay);
  void leave(Relay& relay);  // which has entered
  std::size_t size() const { return list_.size(); }

 private:
  struct Entry {
    Relay* relay;
    std::uint64_t passed_on;  // at the latest look
    TimePoint since;          // it hardly moves
    bool looked_at = false;
    int reads = 0;           // looks in a row at which its peer had read
    std::size_t memory = 0;  // in the kernel, 0 while it moves
  };

  void look();
  void look_at(Entry& entry);
  void shed(std::size_t excess);

  Loop& loop_;
  core::RelayBudget& budget_;
  std::vector<Entry> list_;
  std::size_t held_ = 0;
  std::size_t crowd_ = kLeastCrowd;  // so many are looked at now
  core::TimerEntry timer_;
};

}  // namespace fairlead::net
