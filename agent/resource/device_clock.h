#pragma once
// What time it is, on hosts whose clock may be wrong. The system's clock stands while it can be right: not before the
// build or our own certificate, not after the end of that certificate. While it cannot, it is the time that servers
// told, and what has passed since; and before one has, a time that is known to have been. Nothing here sets a clock,
// and none is read here: the host's time is an argument. One loop.
//
// A server is an authenticated stranger: its clock may be as wrong as ours.
//  - Its word is its own: each server's time is kept apart. What two of them agree on (within kAgreement) counts before
//    what one says; of several that do not agree the earliest counts, which is also the least that it can be.
//  - No word is taken that lies outside our own certificate's time, or beyond the end of the server's.
//  - It is kept for the next start only where two agree, or where the system's clock cannot be right either; and what
//    was kept never contradicts a system clock that can be right.
//  - A server whose certificate was refused for its dates is judged without the others' words at its next attempt: one
//    wrong clock must not shut out the servers whose clocks are right. What two agree on stays.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/tls/clock.h"

namespace fairlead::agent {

inline constexpr std::chrono::minutes kAgreement{5};

// Both clocks of the host, read together.
struct HostTime {
  WallTime system;     // may be wrong, and may be set at any time
  TimePoint boottime;  // passes evenly, also while the host sleeps
};
HostTime host_time();

// When this program was built.
WallTime build_time();

struct CertificateTime {
  WallTime begin;
  WallTime end;
};

class DeviceClock {
 public:
  // `state_file` keeps the last time that was told; a file that cannot be read counts as none. Empty: keeps nothing.
  DeviceClock(std::string state_file, WallTime built, CertificateTime own);

  // `earliest` while the system's clock is known to be wrong and no server has said better.
  tls::ClockReading read(const HostTime& host) const;
  // The same, to judge the certificate of this server: its own word counts before the others'.
  tls::ClockReading read_for(const std::string& server, const HostTime& host) const;
  // Whether the system's clock may be right.
  bool plausible(WallTime system) const { return system >= floor() && system < own_.end; }

  void on_certificate(CertificateTime own) { own_ = own; }  // our own was replaced
  // From the welcome of a server whose certificate was good, and is until `server_until`. False: a time that it cannot
  // have lived to tell, or that is outside our own certificate. Written at most every kKeepEvery (flash wears out).
  bool on_server_time(const std::string& server, WallTime time, WallTime server_until, const HostTime& host);
  // The certificate of this server was refused as expired or as not yet valid.
  void on_dates_refused(const std::string& server);
  // Why the last time could not be kept (state_unwritable).
  const std::optional<Error>& problem() const { return problem_; }

 private:
  struct Heard {
    WallTime time;
    TimePoint at;  // boot time
  };

  void keep(WallTime time);
  WallTime floor() const { return std::max(built_, own_.begin); }
  std::optional<WallTime> agreed(TimePoint boottime) const;
  std::optional<WallTime> earliest_heard(TimePoint boottime) const;
  tls::ClockReading at_least(WallTime known) const;
  WallTime now_by(const Heard& heard, TimePoint boottime) const;

  const std::string state_file_;
  const WallTime built_;
  const WallTime known_;  // kept by an earlier run
  CertificateTime own_;
  WallTime kept_;
  std::map<std::string, Heard> heard_;  // by server
  std::set<std::string> refused_;       // servers to be judged without the others' words
  std::optional<Error> problem_;
};

}  // namespace fairlead::agent
