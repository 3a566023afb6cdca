#include "common/core/keepalive.h"

#include <algorithm>
#include <utility>

namespace fairlead::core {

std::uint64_t Keepalive::send(TimePoint now) {
  sent_at_ = now;
  return ++last_id_;
}

std::uint64_t Keepalive::probe(TimePoint now, TimePoint deadline) {
  if (probe_id_ == 0) {
    probe_id_ = send(now);
    probe_deadline_ = deadline;
    return probe_id_;
  }
  probe_deadline_ = std::min(probe_deadline_, deadline);
  return send(now);
}

std::optional<std::uint64_t> Keepalive::take_ping(TimePoint now) {
  if (now < next_ping_ || unanswered_ >= kPingsMissed) return std::nullopt;
  if (std::exchange(peer_leads_, false)) ++unanswered_;  // only because its next one is missing is ours due
  ++unanswered_;
  next_ping_ = now + interval_;
  return send(now);
}

void Keepalive::on_peer_ping(TimePoint now) {
  if (role_ == PingRole::leads) return;
  unanswered_ = 0;
  peer_leads_ = true;
  next_ping_ = now + interval_ + interval_ / kFollowerGrace;
}

PongResult Keepalive::on_pong(std::uint64_t id, TimePoint now) {
  if (id <= answered_id_ || id > last_id_) return {};
  PongResult result;
  answered_id_ = id;
  unanswered_ = 0;
  if (id == last_id_) result.rtt = std::max<Duration>(now - sent_at_, kClockStep);
  if (probe_id_ != 0 && id >= probe_id_) {
    probe_id_ = 0;
    result.probe_answered = true;
  }
  return result;
}

bool Keepalive::dead(TimePoint now) const {
  if (probe_id_ != 0 && now >= probe_deadline_) return true;
  return unanswered_ >= kPingsMissed && now >= next_ping_;
}

TimePoint Keepalive::deadline() const {
  return probe_id_ != 0 ? std::min(probe_deadline_, next_ping_) : next_ping_;
}

}  // namespace fairlead::core
