#pragma once
// Notices that files (certificate, key, CA) changed, by looking at them now and then: renewals are days apart, and
// a rename over a file, a rewrite and a symlink swap (Kubernetes secrets) all look the same this way. One loop.
#include <array>
#include <functional>
#include <string>

#include "common/net/loop.h"

namespace fairlead::net {

inline constexpr Duration kFileCheck = 5s;

class FileWatch {
 public:
  FileWatch(Loop& loop, std::array<std::string, 3> files, std::function<void()> on_change);

 private:
  struct Stamp {
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    std::uint64_t inode = 0;
    std::int64_t size = -1;  // -1: not there
    bool operator==(const Stamp&) const = default;
  };
  using Stamps = std::array<Stamp, 3>;

  Stamps look() const;
  void on_timer();

  Loop& loop_;
  std::array<std::string, 3> files_;
  std::function<void()> on_change_;
  Stamps seen_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::net
