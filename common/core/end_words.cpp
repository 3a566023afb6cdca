#include "common/core/end_words.h"

namespace fairlead::core {
namespace {
// More than an alert, less than the ServerHello flight of any service.
constexpr std::uint64_t kFewBytes = 256;
constexpr Duration kNobodyLosesPatience = 10s;
}  // namespace

Insight insight(Reason own) {
  switch (own) {
    case Reason::completed:
    case Reason::client_reset:
    case Reason::service_reset:
    case Reason::client_closed:
    case Reason::connection_lost:
    case Reason::session_ended:
      return Insight::saw_an_end;
    case Reason::service_ended_early:
      return Insight::judged;
    default:
      return Insight::decided;
  }
}

bool doubtful(Reason own, std::uint64_t client_bytes, std::uint64_t service_bytes, Duration lasted) {
  if (insight(own) == Insight::decided) return false;
  const bool orderly = own == Reason::completed && client_bytes > 0 && service_bytes >= kFewBytes;
  return !orderly || lasted >= kNobodyLosesPatience;
}

void EndWords::put(const wire::ConnectionId& connection, Reason reason, TimePoint now) {
  forget_old(now);
  if (!words_.try_emplace(connection, Word{reason, now}).second) return;  // the first word counts
  order_.emplace_back(now, connection);
}

std::optional<Reason> EndWords::take(const wire::ConnectionId& connection, TimePoint now) {
  forget_old(now);
  const auto at = words_.find(connection);
  if (at == words_.end()) return std::nullopt;
  const Reason reason = at->second.reason;
  words_.erase(at);
  return reason;
}

void EndWords::forget_old(TimePoint now) {
  while (!order_.empty() && (now - order_.front().first >= kWordMemory || order_.size() >= kMostWords)) {
    const auto at = words_.find(order_.front().second);
    if (at != words_.end() && at->second.at == order_.front().first) words_.erase(at);
    order_.pop_front();
  }
}

}  // namespace fairlead::core
