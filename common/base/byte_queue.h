#pragma once
// Bytes appended at one end and taken at the other. An empty one gives its memory back: thousands of connections are
// idle.
#include "common/base/bytes.h"
#include "common/base/check.h"

namespace fairlead {

class ByteQueue {
 public:
  ByteView view() const { return ByteView(bytes_).subspan(taken_); }
  std::size_t size() const { return bytes_.size() - taken_; }
  bool empty() const { return size() == 0; }

  // For who appends without a buffer of its own; nothing else is done with it.
  Bytes& tail() { return bytes_; }
  void append(ByteView in) { bytes_.insert(bytes_.end(), in.begin(), in.end()); }
  void take(std::size_t n) {
    CHECK(n <= size());
    taken_ += n;
    if (taken_ == bytes_.size()) return clear();
    // Moving is paid for by as many bytes taken before.
    if (taken_ < bytes_.size() / 2) return;
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
  }
  void clear() {
    bytes_ = Bytes();
    taken_ = 0;
  }

 private:
  Bytes bytes_;
  std::size_t taken_ = 0;
};

}  // namespace fairlead
