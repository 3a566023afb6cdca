#pragma once
// Channels of ended sessions whose relays are still live: kept until these are done. One loop; owned by the agent.
#include <algorithm>
#include <memory>
#include <vector>

#include "agent/session/session_channels.h"

namespace fairlead::agent {

class Leftovers {
 public:
  explicit Leftovers(net::Loop& loop) : loop_(loop) {}

  // Retires `channels` for `reason`, and keeps them while they are not empty.
  void take(std::unique_ptr<SessionChannels> channels, Reason reason) {
    channels->retire(reason, [this] { drop_empty(); });
    if (channels->empty()) return loop_.retire(std::move(channels));
    kept_.push_back(std::move(channels));
  }
  void keep_alive(Duration idle) {
    for (const auto& each : kept_) each->keep_alive(idle);
  }
  void close_all(Reason reason) {
    for (const auto& each : kept_) each->close_all(reason);
  }
  std::size_t count() const { return kept_.size(); }

 private:
  void drop_empty() {
    const auto done = std::partition(kept_.begin(), kept_.end(), [](const auto& each) { return !each->empty(); });
    for (auto each = done; each != kept_.end(); ++each) loop_.retire(std::move(*each));  // they are still running
    kept_.erase(done, kept_.end());
  }

  net::Loop& loop_;
  std::vector<std::unique_ptr<SessionChannels>> kept_;
};

}  // namespace fairlead::agent
