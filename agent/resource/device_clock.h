#pragma once
// What time it is, on hosts whose clock may be wrong. Once an authenticated server has said, it is that time and what
// has passed since; before, it is the system's time, but never earlier than the newest that is known to have been: the
// build, the last server time kept on disk, the day from which our own certificate is good. The system clock is never
// set, and neither are the clocks read here: the host's time is an argument. One loop.
#include <optional>
#include <string>

#include "common/base/time.h"
#include "common/tls/clock.h"

namespace fairlead::agent {

// Both clocks of the host, read together.
struct HostTime {
  WallTime system;     // may be wrong, and may be set at any time
  TimePoint boottime;  // passes evenly, also while the host sleeps
};
HostTime host_time();

// When this program was built.
WallTime build_time();

class DeviceClock {
 public:
  // `state_file` keeps the last server time; a file that cannot be read counts as none. Empty: keeps nothing.
  DeviceClock(std::string state_file, WallTime built, WallTime certificate_begin);

  // `earliest` while the system's clock is known to be wrong and no server has said better.
  tls::ClockReading read(const HostTime& host) const;

  // Our own certificate was replaced by one that is good from then on.
  void on_certificate(WallTime begin) { certificate_begin_ = begin; }
  // From the welcome of a server whose certificate was good, and is until `server_until`: a time after that is no time
  // that this server can have lived to tell, and false is the answer. Kept on disk at most every kKeepEvery (flash
  // wears out).
  bool on_server_time(WallTime server_time, WallTime server_until, const HostTime& host);

 private:
  struct Heard {
    WallTime time;
    TimePoint at;  // boot time
  };

  const std::string state_file_;
  const WallTime known_;  // when this program began: built, or kept by an earlier run
  WallTime certificate_begin_;
  WallTime kept_;
  std::optional<Heard> heard_;
};

}  // namespace fairlead::agent
