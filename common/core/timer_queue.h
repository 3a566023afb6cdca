#pragma once
// Deadlines of many objects on one thread: a binary heap of entries that live inside their owners. Arming allocates
// nothing beyond the heap's own vector; an entry leaves its queue when it is destroyed. Not for use from several
// threads.
//
//   while (TimerEntry* entry = queue.take_due(now)) entry->fire();   // the callback may arm, cancel and destroy any
//   entry
#include <cstddef>
#include <optional>
#include <vector>

#include "common/base/time.h"

namespace fairlead::core {

class TimerQueue;

class TimerEntry {
 public:
  using Callback = void (*)(void* owner);
  TimerEntry(Callback callback, void* owner) : callback_(callback), owner_(owner) {}
  ~TimerEntry();
  TimerEntry(const TimerEntry&) = delete;
  TimerEntry& operator=(const TimerEntry&) = delete;

  bool armed() const { return queue_ != nullptr; }
  void cancel();  // nothing when not armed
  void fire() { callback_(owner_); }
  void* owner() const { return owner_; }

 private:
  friend class TimerQueue;

  Callback callback_;
  void* owner_;
  TimerQueue* queue_ = nullptr;  // null when not armed
  std::size_t place_ = 0;        // in the queue's heap
};

class TimerQueue {
 public:
  TimerQueue() = default;
  ~TimerQueue();  // leaves what is still armed unarmed
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  void arm(TimerEntry& entry, TimePoint due);  // moves it when it is armed already, in this queue or another
  void cancel(TimerEntry& entry);              // nothing when not armed; armed in another queue is a bug
  // An entry that is due, now unarmed, the earliest first; null when none is.
  TimerEntry* take_due(TimePoint now);
  std::optional<TimePoint> next() const;
  std::size_t size() const { return heap_.size(); }

 private:
  struct Slot {
    TimePoint due;
    TimerEntry* entry;
  };
  void place(std::size_t at, Slot slot);
  void sift_up(std::size_t at);
  void sift_down(std::size_t at);
  void remove(std::size_t at);

  std::vector<Slot> heap_;
};

}  // namespace fairlead::core
