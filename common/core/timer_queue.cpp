#include "common/core/timer_queue.h"

#include "common/base/check.h"

namespace fairlead::core {

TimerEntry::~TimerEntry() {
  cancel();
}

void TimerEntry::cancel() {
  if (queue_ != nullptr) queue_->cancel(*this);
}

TimerQueue::~TimerQueue() {
  for (const Slot& slot : heap_) slot.entry->queue_ = nullptr;
}

void TimerQueue::arm(TimerEntry& entry, TimePoint due) {
  if (entry.queue_ == this) {
    const std::size_t at = entry.place_;
    const bool later = due > heap_[at].due;
    heap_[at].due = due;
    later ? sift_down(at) : sift_up(at);
    return;
  }
  entry.cancel();
  entry.queue_ = this;
  heap_.push_back({due, &entry});
  entry.place_ = heap_.size() - 1;
  sift_up(entry.place_);
}

void TimerQueue::cancel(TimerEntry& entry) {
  if (entry.queue_ == nullptr) return;
  CHECK(entry.queue_ == this);
  remove(entry.place_);
}

TimerEntry* TimerQueue::take_due(TimePoint now) {
  if (heap_.empty() || heap_.front().due > now) return nullptr;
  TimerEntry* const entry = heap_.front().entry;
  remove(0);
  return entry;
}

std::optional<TimePoint> TimerQueue::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().due;
}

void TimerQueue::place(std::size_t at, Slot slot) {
  heap_[at] = slot;
  slot.entry->place_ = at;
}

void TimerQueue::sift_up(std::size_t at) {
  const Slot slot = heap_[at];
  while (at > 0) {
    const std::size_t parent = (at - 1) / 2;
    if (heap_[parent].due <= slot.due) break;
    place(at, heap_[parent]);
    at = parent;
  }
  place(at, slot);
}

void TimerQueue::sift_down(std::size_t at) {
  const Slot slot = heap_[at];
  for (;;) {
    std::size_t child = 2 * at + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].due < heap_[child].due) ++child;
    if (slot.due <= heap_[child].due) break;
    place(at, heap_[child]);
    at = child;
  }
  place(at, slot);
}

void TimerQueue::remove(std::size_t at) {
  heap_[at].entry->queue_ = nullptr;
  const Slot last = heap_.back();
  heap_.pop_back();
  if (at == heap_.size()) return;  // it was the last one
  const bool later = last.due > heap_[at].due;
  place(at, last);
  later ? sift_down(at) : sift_up(at);
}

}  // namespace fairlead::core
