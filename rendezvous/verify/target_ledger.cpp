#include "rendezvous/verify/target_ledger.h"

#include <algorithm>

namespace fairlead::rendezvous {

bool TargetLedger::admit(const std::string& spiffe_id, const SocketAddress& target, TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (now >= next_sweep_ || targets_.size() >= kLedgerIdentities) forget_old(now);
  const auto at = targets_.find(spiffe_id);
  if (at == targets_.end() && targets_.size() >= kLedgerIdentities) return false;
  auto& known = targets_[spiffe_id];
  std::erase_if(known, [&](const Target& each) { return now - each.at >= kTargetMemory; });
  const auto same =
      std::find_if(known.begin(), known.end(), [&](const Target& each) { return each.address == target; });
  if (same != known.end()) return true;
  if (known.size() >= kTargetsPerHour) return false;
  known.push_back({target, now});
  return true;
}

void TargetLedger::forget_old(TimePoint now) {
  next_sweep_ = now + kTargetMemory / 4;
  const auto old = [&](const Target& each) { return now - each.at >= kTargetMemory; };
  std::erase_if(targets_,
                [&](const auto& entry) { return std::all_of(entry.second.begin(), entry.second.end(), old); });
}

std::size_t TargetLedger::identities() const {
  const std::lock_guard lock(mutex_);
  return targets_.size();
}

}  // namespace fairlead::rendezvous
