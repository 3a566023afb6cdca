#pragma once
// Pings of one side of a session: one at once, which measures the RTT, then what its role says; dead after two missed,
// and probes with a deadline of their own. Part of AgentSession and ServerSession.
//   - leads: one ping per interval. Only pongs prove life: what else arrives would hide a path that has died in one
//     direction.
//   - follows: the peer leads at least as often, so one exchange per interval serves both sides, and an idle host wakes
//     half as often. The peer's pings prove life, in both directions: who leads stops pinging when kPingsMissed pongs
//     are missing. A ping that does not come within the interval and a quarter is the first one missed; then it pings
//     by itself, once per interval, until the peer's pings are back.
// A path that dies in one direction is found by who leads within kPingsMissed + 1 intervals, and by who follows within
// kPingsMissed + 2 1/4: it hears of nothing until the leader has given up.
#include <cstdint>
#include <optional>

#include "common/base/time.h"

namespace fairlead::core {

inline constexpr Duration kPingInterval = 25s;
inline constexpr Duration kPingIntervalLeast = 1s;
inline constexpr int kPingsMissed = 2;
inline constexpr int kFollowerGrace = 4;     // a quarter of the interval: the leader's timers and the path may be late
inline constexpr Duration kClockStep = 1ms;  // of the loops: a shorter round trip is told as this, 0 is "not measured"

enum class PingRole { leads, follows };

struct PongResult {
  std::optional<Duration> rtt;  // of the newest ping; absent for late, repeated and invented pongs
  bool probe_answered = false;
};

class Keepalive {
 public:
  Keepalive(PingRole role, Duration interval, TimePoint now) : role_(role), interval_(interval), next_ping_(now) {}

  // Starts a probe and returns the ping's id. While one runs, the earlier deadline counts and its answer answers both.
  std::uint64_t probe(TimePoint now, TimePoint deadline);
  // The id of a ping to send now, if one is due.
  std::optional<std::uint64_t> take_ping(TimePoint now);
  PongResult on_pong(std::uint64_t id, TimePoint now);
  void on_peer_ping(TimePoint now);
  // A probe's deadline passed, or kPingsMissed pings in a row went unanswered for a whole interval each.
  bool dead(TimePoint now) const;
  TimePoint deadline() const;

 private:
  std::uint64_t send(TimePoint now);

  PingRole role_;
  Duration interval_;
  TimePoint next_ping_;
  TimePoint sent_at_{};  // of the newest ping
  std::uint64_t last_id_ = 0;
  std::uint64_t answered_id_ = 0;  // highest
  int unanswered_ = 0;             // pings in a row: ours without a pong and, for who follows, the peer's that is late
  bool peer_leads_ = false;        // its latest ping is newer than ours
  std::uint64_t probe_id_ = 0;     // 0: no probe runs
  TimePoint probe_deadline_{};
};

}  // namespace fairlead::core
