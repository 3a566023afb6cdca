#pragma once
// Pings of one side of a session: one at once, which measures the RTT, then one per interval; dead after two missed,
// and probes with a deadline of their own. Only pongs prove life: what else arrives would hide a path that has died in
// one direction. Part of AgentSession and ServerSession.
#include <cstdint>
#include <optional>

#include "common/base/time.h"

namespace fairlead::core {

inline constexpr Duration kPingInterval = 25s;
inline constexpr Duration kPingIntervalLeast = 1s;
inline constexpr int kPingsMissed = 2;
inline constexpr Duration kClockStep = 1ms;  // of the loops: a shorter round trip is told as this, 0 is "not measured"

struct PongResult {
  std::optional<Duration> rtt;  // of the newest ping; absent for late, repeated and invented pongs
  bool probe_answered = false;
};

class Keepalive {
 public:
  Keepalive(Duration interval, TimePoint now) : interval_(interval), next_ping_(now) {}

  // Starts a probe and returns the ping's id. While one runs, the earlier deadline counts and its answer answers both.
  std::uint64_t probe(TimePoint now, TimePoint deadline);
  // The id of a ping to send now, if one is due.
  std::optional<std::uint64_t> take_ping(TimePoint now);
  PongResult on_pong(std::uint64_t id, TimePoint now);
  // A probe's deadline passed, or kPingsMissed pings in a row went unanswered for a whole interval each.
  bool dead(TimePoint now) const;
  TimePoint deadline() const;

 private:
  std::uint64_t send(TimePoint now);

  Duration interval_;
  TimePoint next_ping_;
  TimePoint sent_at_{};  // of the newest ping
  std::uint64_t last_id_ = 0;
  std::uint64_t answered_id_ = 0;  // highest
  int unanswered_ = 0;             // interval pings in a row
  std::uint64_t probe_id_ = 0;     // 0: no probe runs
  TimePoint probe_deadline_{};
};

}  // namespace fairlead::core
