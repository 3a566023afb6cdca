#pragma once
// With which of the configured servers sessions are held: with the first ones that work. One whose attempt fails gives
// its place to the one that has rested longest, and is the last to be tried again. Pure; servers are numbers in the
// order of the configuration.
#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>

namespace fairlead::agent {

// Sessions are held with this many of the configured servers.
inline constexpr std::size_t kSessions = 2;

class ServerChoice {
 public:
  explicit ServerChoice(std::size_t servers, std::size_t sessions = kSessions) : active_(std::min(servers, sessions)) {
    for (std::size_t i = active_; i < servers; ++i) resting_.push_back(i);
  }
  std::size_t first() const { return active_; }  // so many of them are active at the start
  // Who takes the place of `failed`, which rests from then on; nullopt: it goes on trying by itself.
  std::optional<std::size_t> on_failed(std::size_t failed) {
    if (resting_.empty()) return std::nullopt;
    resting_.push_back(failed);
    const std::size_t next = resting_.front();
    resting_.pop_front();
    return next;
  }

 private:
  std::size_t active_;
  std::deque<std::size_t> resting_;
};

}  // namespace fairlead::agent
