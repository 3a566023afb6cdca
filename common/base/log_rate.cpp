#include "common/base/log_rate.h"

#include <algorithm>
#include <utility>

namespace fairlead {
namespace {

// Neither is in a reason, so whatever stands behind one of them is not the other's.
constexpr char kBetween = '\n';
constexpr char kOurs = '\0';  // in front of what is no peer's name
constexpr std::string_view kEverybody = "everybody";
constexpr std::string_view kOthers = "others";  // beyond kMostRates

std::string key_of(std::string_view reason, std::string_view who, char between = kBetween) {
  std::string key(reason);
  key += between;
  return key.append(who);
}

}  // namespace

LogRates::Entry& LogRates::find(const std::string& key, LogRate rate, TimePoint now) {
  Entry& entry = entries_.try_emplace(key, Entry{rate.burst, now, 0}).first->second;
  const double seconds = std::chrono::duration<double>(now - entry.filled).count();
  entry.tokens = std::min(rate.burst, entry.tokens + std::max(0.0, seconds) * rate.per_second);
  entry.filled = now;
  return entry;
}

LogRates::Verdict LogRates::ask(std::string_view reason, std::string_view who, TimePoint now) {
  std::string key = key_of(reason, who);
  if (entries_.size() >= kMostRates && !entries_.contains(key)) key = key_of(reason, kOthers, kOurs);
  Entry& all = find(key_of(reason, kEverybody, kOurs), kRateOfReason, now);
  Entry& one = find(key, kRateOfOne, now);
  if (one.tokens < 1 || all.tokens < 1) {
    ++one.left_out;
    ++left_out_;
    return {.say = false};
  }
  one.tokens -= 1;
  all.tokens -= 1;
  return {.say = true, .left_out = std::exchange(one.left_out, 0)};
}

std::vector<LogRates::LeftOut> LogRates::take_quiet(TimePoint now) {
  std::vector<LeftOut> out;
  std::erase_if(entries_, [&](const auto& each) {
    const auto& [key, entry] = each;
    if (now - entry.filled < kRateQuiet) return false;
    const auto between = key.find_first_of(std::string_view("\n\0", 2));
    if (entry.left_out > 0) out.push_back({key.substr(0, between), key.substr(between + 1), entry.left_out});
    return true;
  });
  return out;
}

}  // namespace fairlead
