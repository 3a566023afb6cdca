#pragma once
// Which ticket counters of one session were used: each is accepted once, and none that is kTicketWindow or more below
// the highest seen (channels of one agent overtake each other on the way). One per session, on the thread that owns it.
// Ask only after the ticket's MAC was verified: a forged counter must not move the window.
#include <bitset>
#include <cstdint>

#include "common/base/result.h"

namespace fairlead::core {

inline constexpr std::uint64_t kTicketWindow = 1024;

class TicketWindow {
 public:
  Result<void> accept(std::uint64_t counter);  // ticket_replayed

 private:
  std::uint64_t next_ = 0;           // one above the highest accepted; 0: none yet
  std::bitset<kTicketWindow> used_;  // of the counters [next_ - kTicketWindow, next_), at counter % kTicketWindow
};

}  // namespace fairlead::core
