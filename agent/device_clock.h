#pragma once
// What time it is, on hosts whose clock may be wrong: the system's time, but never before the newest time that is
// known to have been (build, last server time kept on disk), corrected by what an authenticated server said. The system
// clock is never set. One loop.
#include <string>

#include "common/base/time.h"

namespace fairlead::agent {

class DeviceClock {
 public:
  // `state_file` keeps the last server time; a file that cannot be read counts as none. Empty: keeps nothing.
  explicit DeviceClock(std::string state_file);

  WallTime now() const;
  // From the welcome of a server whose certificate was good. Kept on disk at most every kKeepEvery (flash wears out).
  void on_server_time(WallTime server_time);

 private:
  std::string state_file_;
  WallTime floor_;
  WallTime kept_{};
  std::chrono::seconds offset_{0};
};

}  // namespace fairlead::agent
