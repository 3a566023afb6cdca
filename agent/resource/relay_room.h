#pragma once
// The places for relays of one agent: how many there may be ([limits] relays_max and what the process may open), and
// what memory each gets of [limits] memory. Taken before a connection is let in, given back when it has ended.
//
// Any thread: the agent's loop and the thread of its calls take from the same places. Owned by AgentTools, or by a
// command; outlives whoever holds a share.
#include <cstddef>
#include <mutex>
#include <optional>

#include "agent/resource/memory_budget.h"
#include "agent/setting/config.h"
#include "common/base/result.h"

namespace fairlead::agent {

// Of [limits].
MemoryBudget memory_of(const Limits& limits);

class RelayRoom {
 public:
  RelayRoom(std::size_t relays_max, const MemoryBudget& memory = MemoryBudget())
      : relays_max_(relays_max), memory_(memory) {}

  // A place for one more relay and what it may hold; agent_busy, memory_limit.
  Result<RelayShare> take(Tls tls, Protocol protocol = Protocol::tcp);
  void give_back(const RelayShare& share);
  // For a proof connection, which is no relay. Nullopt: it does not fit.
  std::optional<RelayShare> take_proof();
  void give_back_proof(const RelayShare& share);

  std::size_t relays() const;  // live: all sessions, direct ones and calls
  std::size_t relays_max() const { return relays_max_; }
  std::size_t memory_used() const;
  // How it is dealt out, which does not change: not its used().
  const MemoryBudget& memory() const { return memory_; }

 private:
  const std::size_t relays_max_;
  mutable std::mutex mutex_;
  MemoryBudget memory_;
  std::size_t relays_ = 0;
};

}  // namespace fairlead::agent
