#include "agent/resource/relay_room.h"

#include "common/base/check.h"

namespace fairlead::agent {

MemoryBudget memory_of(const Limits& limits) {
  return limits.memory == 0 ? MemoryBudget() : MemoryBudget(limits.memory, limits.relays_max);
}

Result<RelayShare> RelayRoom::take(Tls tls, Protocol protocol) {
  const std::lock_guard lock(mutex_);
  if (relays_ >= relays_max_) return fail(Reason::agent_busy, "limits.relays_max");
  const auto share = tls == Tls::terminate ? memory_.take_terminated(protocol) : memory_.take_relay();
  if (!share) return fail(Reason::memory_limit, "limits.memory");
  ++relays_;
  return *share;
}

void RelayRoom::give_back(const RelayShare& share) {
  const std::lock_guard lock(mutex_);
  CHECK(relays_ > 0);
  --relays_;
  memory_.give_back(share);
}

std::optional<RelayShare> RelayRoom::take_proof() {
  const std::lock_guard lock(mutex_);
  return memory_.take_proof();
}

void RelayRoom::give_back_proof(const RelayShare& share) {
  const std::lock_guard lock(mutex_);
  memory_.give_back(share);
}

std::size_t RelayRoom::relays() const {
  const std::lock_guard lock(mutex_);
  return relays_;
}

std::size_t RelayRoom::memory_used() const {
  const std::lock_guard lock(mutex_);
  return memory_.used();
}

}  // namespace fairlead::agent
