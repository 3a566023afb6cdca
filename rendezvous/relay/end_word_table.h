#pragma once
// What one agent said of how its relayed connections ended (core::EndWords), from the control thread that hears it to
// the workers that write it down: of its own session's alone, and no more than one session may say. Any thread.
#include <mutex>

#include "common/core/end_words.h"

namespace fairlead::rendezvous {

class EndWordTable {
 public:
  void put(const wire::ConnectionId& connection, Reason reason, TimePoint now) {
    const std::lock_guard lock(mutex_);
    words_.put(connection, reason, now);
  }
  std::optional<Reason> take(const wire::ConnectionId& connection, TimePoint now) {
    const std::lock_guard lock(mutex_);
    return words_.take(connection, now);
  }

 private:
  std::mutex mutex_;
  core::EndWords words_;
};

}  // namespace fairlead::rendezvous
