#pragma once
// Channels that were asked for and have not come yet. An ask is forgotten after kAskLifetime, by the side that asked
// and by the side that was asked alike: so a lost dial is asked for again, and a stalled agent does not serve old asks
// on top.
#include <cstdint>
#include <vector>

#include "common/base/time.h"

namespace fairlead::core {

inline constexpr Duration kAskLifetime = 5s;

class AskLedger {
 public:
  void add(std::uint32_t count, TimePoint now);
  void take_one();  // the oldest; nothing when empty
  void expire(TimePoint now);
  void clear();
  std::uint32_t total() const { return total_; }
  TimePoint next_expiry() const;  // only when total() > 0

 private:
  struct Ask {
    std::uint32_t count;
    TimePoint expires;
  };
  std::vector<Ask> asks_;  // oldest first; as many as there are asks in kAskLifetime, so few
  std::uint32_t total_ = 0;
};

}  // namespace fairlead::core
