#include "common/core/ask_ledger.h"

#include "common/base/check.h"

namespace fairlead::core {

void AskLedger::add(std::uint32_t count, TimePoint now) {
  if (count == 0) return;
  asks_.push_back({count, now + kAskLifetime});
  total_ += count;
}

void AskLedger::take_one() {
  if (total_ == 0) return;
  --total_;
  if (--asks_.front().count == 0) asks_.erase(asks_.begin());
}

void AskLedger::expire(TimePoint now) {
  while (!asks_.empty() && asks_.front().expires <= now) {
    total_ -= asks_.front().count;
    asks_.erase(asks_.begin());
  }
}

void AskLedger::clear() {
  asks_.clear();
  total_ = 0;
}

TimePoint AskLedger::next_expiry() const {
  CHECK(!asks_.empty());
  return asks_.front().expires;
}

}  // namespace fairlead::core
