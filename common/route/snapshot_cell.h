#pragma once
// Hands snapshots from the thread that builds them to those that route. A reader keeps the snapshot it read and looks
// at one atomic number per connection; it takes the lock only after a publication. (std::atomic<std::shared_ptr> would
// do the same with a lock inside that the thread sanitizer cannot see in g++ 12.) After publish() returns, every later
// SnapshotReader::current() sees that snapshot or a newer one.
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "common/route/snapshot.h"

namespace fairlead::route {

class SnapshotCell {
 public:
  explicit SnapshotCell(std::shared_ptr<const Snapshot> first) : snapshot_(std::move(first)) {}

  void publish(std::shared_ptr<const Snapshot> next) {
    const std::lock_guard lock(mutex_);
    snapshot_.swap(next);
    version_.fetch_add(1, std::memory_order_release);
  }

 private:
  friend class SnapshotReader;

  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;  // never null
  std::atomic<std::uint64_t> version_ = 1;
};

// One per thread; the cell outlives it.
class SnapshotReader {
 public:
  explicit SnapshotReader(const SnapshotCell& cell) : cell_(cell) {}

  // The newest snapshot; the reference is good until the next call.
  const Snapshot& current() {
    if (cell_.version_.load(std::memory_order_acquire) != version_) reload();
    return *snapshot_;
  }

 private:
  void reload() {
    std::shared_ptr<const Snapshot> old;  // dies after the lock is free: it may be the last of its kind
    const std::lock_guard lock(cell_.mutex_);
    old = std::exchange(snapshot_, cell_.snapshot_);
    version_ = cell_.version_.load(std::memory_order_relaxed);
  }

  const SnapshotCell& cell_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::uint64_t version_ = 0;
};

}  // namespace fairlead::route
