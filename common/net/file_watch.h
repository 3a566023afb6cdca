#pragma once
// Notices that files (certificate, key, CA) changed: a rename over a file, a rewrite, and a symlink swap (Kubernetes
// secrets) or a swap of their directory alike. inotify(7) tells when something happened near them, so that an idle
// process sleeps; what it cannot see (network file systems, a swap further up) is found by looking now and then. One
// loop.
#include <uv.h>

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/net/fd.h"
#include "common/net/handle.h"
#include "common/net/loop.h"

namespace fairlead::net {

inline constexpr Duration kFileSettle = 500ms;  // a certificate and its key are two files: both are there by then
inline constexpr Duration kFileCheck = 5s;      // without inotify
inline constexpr Duration kFileCheckSeldom = 2min;

class FileWatch {
 public:
  FileWatch(Loop& loop, std::array<std::string, 3> files, std::function<void()> on_change);
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

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
  void watch();
  void on_event();
  void on_timer();
  static void on_poll(uv_poll_t* handle, int status, int events);

  Loop& loop_;
  std::array<std::string, 3> files_;
  std::function<void()> on_change_;
  Fd inotify_;                             // invalid: not available
  std::optional<Handle<uv_poll_t>> poll_;  // while inotify is waited for, else none
  Stamps seen_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::net
