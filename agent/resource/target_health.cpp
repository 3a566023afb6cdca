#include "agent/resource/target_health.h"

namespace fairlead::agent {
namespace {

std::int64_t slice_number(TimePoint now, std::size_t slices) {
  return now.time_since_epoch() / (TargetHealth::kWindow / static_cast<std::int64_t>(slices));
}

bool concerns_connect(Reason reason) {
  return reason == Reason::target_refused || reason == Reason::target_unreachable || reason == Reason::target_timeout;
}

}  // namespace

bool TargetHealth::concerns_target(Reason reason) {
  switch (reason) {
    case Reason::target_refused:
    case Reason::target_unreachable:
    case Reason::target_timeout:
    case Reason::service_reset:
    case Reason::service_ended_early:
    case Reason::service_not_tls:
    case Reason::service_not_http:
    case Reason::service_unanswered:
    case Reason::service_weak_tls:
    case Reason::server_speaks_first:
    case Reason::relay_loop:
      return true;
    default:
      return false;
  }
}

TargetHealth::Slice& TargetHealth::note(Record& record, std::optional<Reason> failing, const std::string& detail,
                                        TimePoint now) {
  const bool first = record.latest == TimePoint{};
  if (first || record.failing.has_value() != failing.has_value()) record.since = now;
  record.failing = failing;
  record.detail = detail;
  record.latest = now;
  const std::int64_t number = slice_number(now, kSlices);
  Slice& slice = record.slices[static_cast<std::size_t>(number) % kSlices];
  if (slice.number != number) slice = {.number = number};
  return slice;
}

void TargetHealth::served(const std::string& service, TimePoint now) {
  ++note(records_[service], std::nullopt, "", now).served;
}

void TargetHealth::connected(const std::string& service, TimePoint now) {
  const auto at = records_.find(service);
  if (at == records_.end() || !at->second.failing || !concerns_connect(*at->second.failing)) return;
  note(at->second, std::nullopt, "", now);
}

void TargetHealth::failed(const std::string& service, Reason reason, const std::string& detail, TimePoint now) {
  if (!concerns_target(reason)) return;
  Slice& slice = note(records_[service], reason, detail, now);
  const bool silent = reason == Reason::target_timeout || reason == Reason::target_unreachable;
  ++(silent ? slice.silent : slice.refused);
}

std::optional<TargetState> TargetHealth::find(const std::string& service, TimePoint now) const {
  const auto at = records_.find(service);
  if (at == records_.end()) return std::nullopt;
  const Record& record = at->second;
  TargetState state{.failing = record.failing, .detail = record.detail, .since = record.since, .latest = record.latest};
  const std::int64_t number = slice_number(now, kSlices);
  for (const Slice& slice : record.slices) {
    if (slice.number <= number - static_cast<std::int64_t>(kSlices)) continue;
    state.served += slice.served;
    state.refused += slice.refused;
    state.silent += slice.silent;
  }
  return state;
}

}  // namespace fairlead::agent
