#pragma once
// How often one thing is said. A line with a reason is limited by (reason, whom it is about), so that nobody, whatever
// he does, fills a disk; and by reason over everybody. What was left out is told in the next line of its kind, or by
// take_quiet() when there is none. Pure: told the time. One lock above it (log.cpp).
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/time.h"

namespace fairlead {

// A burst, then so many a second.
struct LogRate {
  double burst;
  double per_second;
};
inline constexpr LogRate kRateOfOne{10, 1};        // one reason about one peer
inline constexpr LogRate kRateOfReason{200, 100};  // one reason about everybody
inline constexpr std::size_t kMostRates = 512;     // further ones share one entry per reason
inline constexpr Duration kRateQuiet = 10s;        // a kind of line that was not said for so long is summed up

class LogRates {
 public:
  struct Verdict {
    bool say = true;
    std::uint64_t left_out = 0;  // lines like it since the last one that was said
  };
  struct LeftOut {
    std::string reason;
    std::string who;
    std::uint64_t lines = 0;
  };

  Verdict ask(std::string_view reason, std::string_view who, TimePoint now);
  // Whoever was left out and is quiet by now; forgets the others that have nothing to tell.
  std::vector<LeftOut> take_quiet(TimePoint now);
  std::uint64_t left_out() const { return left_out_; }

 private:
  struct Entry {
    double tokens = 0;
    TimePoint filled;
    std::uint64_t left_out = 0;
  };

  Entry& find(const std::string& key, LogRate rate, TimePoint now);

  std::unordered_map<std::string, Entry> entries_;  // "reason\nwho", "reason\0everybody", "reason\0others"
  std::uint64_t left_out_ = 0;
};

}  // namespace fairlead
