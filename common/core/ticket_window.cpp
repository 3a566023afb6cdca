#include "common/core/ticket_window.h"

#include <limits>

namespace fairlead::core {

Result<void> TicketWindow::accept(std::uint64_t counter) {
  // The last number has no successor; no session opens that many channels.
  if (counter == std::numeric_limits<std::uint64_t>::max()) return fail(Reason::ticket_replayed, "counter exhausted");
  if (counter >= next_) {
    if (counter - next_ >= kTicketWindow) {
      used_.reset();
    } else {
      for (std::uint64_t skipped = next_; skipped < counter; ++skipped) used_.reset(skipped % kTicketWindow);
    }
    next_ = counter + 1;
    used_.set(counter % kTicketWindow);
    return {};
  }
  if (next_ - counter > kTicketWindow) return fail(Reason::ticket_replayed, "counter below the window");
  if (used_.test(counter % kTicketWindow)) return fail(Reason::ticket_replayed, "counter used before");
  used_.set(counter % kTicketWindow);
  return {};
}

}  // namespace fairlead::core
