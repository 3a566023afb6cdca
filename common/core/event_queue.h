#pragma once
// Events in order, pulled by a driver. An empty queue holds no memory (std::deque would hold half a KiB per session).
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace fairlead::core {

template <class Event>
class EventQueue {
 public:
  void push(Event event) { events_.push_back(std::move(event)); }
  std::optional<Event> pop() {
    if (read_ == events_.size()) return std::nullopt;
    std::optional<Event> out(std::move(events_[read_++]));
    if (read_ == events_.size()) {
      std::vector<Event>().swap(events_);
      read_ = 0;
    }
    return out;
  }

 private:
  std::vector<Event> events_;
  std::size_t read_ = 0;
};

}  // namespace fairlead::core
