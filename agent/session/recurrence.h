#pragma once
// Whether something that happens again and again is worth another line of log: when it is not what happened last, and
// otherwise at growing intervals. Pure, time as an argument.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/time.h"

namespace fairlead::agent {

class Recurrence {
 public:
  static constexpr Duration kFirst = 1min;
  static constexpr Duration kMost = 1h;

  bool is_news(std::string_view what, TimePoint now) {
    const bool same = what == last_;
    if (same && now < again_at_) {
      ++silent_;
      return false;
    }
    wait_ = same ? std::min<Duration>(wait_ * 2, kMost) : kFirst;
    again_at_ = now + wait_;
    last_ = what;
    return true;
  }
  // How often it happened without a line since the last one; to be told with the next.
  std::uint64_t take_silent() { return std::exchange(silent_, 0); }
  void over() { *this = {}; }  // it has ended: the next time is news

 private:
  std::string last_;
  TimePoint again_at_;
  Duration wait_ = kFirst;
  std::uint64_t silent_ = 0;
};

}  // namespace fairlead::agent
