#pragma once
// Identities whose session ended because it cost too much, and when they may come back: connecting anew buys nothing.
// Bounded: when it is full, those whose pause ends first are let in earlier. Any thread.
#include <algorithm>
#include <map>
#include <mutex>
#include <string>

#include "common/base/time.h"

namespace fairlead::rendezvous {

class IdentityPauses {
 public:
  static constexpr std::size_t kMost = 4'096;

  void pause(const std::string& spiffe_id, TimePoint until) {
    const std::lock_guard lock(mutex_);
    if (until_.size() >= kMost && !until_.contains(spiffe_id)) {
      until_.erase(std::min_element(until_.begin(), until_.end(),
                                    [](const auto& one, const auto& other) { return one.second < other.second; }));
    }
    until_[spiffe_id] = until;
  }
  // How long it still has to wait; 0: come in.
  Duration left(const std::string& spiffe_id, TimePoint now) {
    const std::lock_guard lock(mutex_);
    const auto at = until_.find(spiffe_id);
    if (at == until_.end()) return Duration(0);
    if (now < at->second) return at->second - now;
    until_.erase(at);
    return Duration(0);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, TimePoint> until_;
};

}  // namespace fairlead::rendezvous
