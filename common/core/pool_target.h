#pragma once
// How many ready data channels the rendezvous keeps of one session, and how many to ask for now. The whole policy:
//   - The target starts at the agent's min and stays within [min, max], but for idleness below. Both are the agent's
//     wish, cut to what the server allows (at most kMaxPool, max at least 1, min at most max).
//   - A taker that finds no ready channel waits, and doubles the target if it is the first that waits or if more wait
//   now
//     than the target has. Each kPoolDecay without a taker that finds none halves it, to min.
//   - What is asked for is one channel for each that waits and the target on top.
//   - kPoolIdle without any taker: the target is 0, and surplus() says what to close. The next taker sets it to min, or
//     to 1 where min is 0.
//   - While ready channels are left, fewer missing ones than a kAskShare-th of the target are asked for only after
//     kAskPause: each ask is a message to the agent, and a busy pool would send one per connection.
//   - Asked for and not yet arrived counts as `opening` for kAskLifetime, then it is asked for again.
//   - ready + opening asked for never exceeds max; a channel that arrives on top of max is refused (pool_full).
// One per session, on the thread that owns the session. Pure, time as an argument; `now` never goes back.
#include <cstdint>
#include <optional>

#include "common/base/result.h"
#include "common/core/ask_ledger.h"

namespace fairlead::core {

inline constexpr std::uint16_t kMaxPool = 256;
inline constexpr std::uint16_t kAskShare = 4;
inline constexpr Duration kAskPause = 100ms;
inline constexpr Duration kPoolDecay = 60s;
inline constexpr Duration kPoolIdle = 10min;

struct PoolLimits {
  std::uint16_t min = 1;
  std::uint16_t max = 32;
};

class PoolTarget {
 public:
  PoolTarget(PoolLimits limits, TimePoint now);

  Result<void> on_ready(TimePoint now);  // a channel with a good ticket arrived; pool_full: close it
  void on_taken(TimePoint now);          // a taker got a ready channel
  void on_empty(TimePoint now);          // a taker found none and waits
  void on_served(TimePoint now);         // who waits got the channel of the last on_ready
  void on_gave_up();                     // who waits does not any more
  void on_lost(TimePoint now);           // a ready channel died or was retired

  // When take_ask() will have something to say as things stand; nullopt: nothing is missing. What this finds missing is
  // planned from now on: whoever waits for that time has to hear of it.
  std::optional<TimePoint> ask_at(TimePoint now);
  // The time that is planned already.
  std::optional<TimePoint> ask_time() const;
  // How many to ask the agent for now; counts them as asked.
  std::uint16_t take_ask(TimePoint now);
  // Ready channels above the target: close them, each with on_lost.
  std::uint16_t surplus(TimePoint now);
  // When take_ask() or surplus() may answer something new by time alone.
  std::optional<TimePoint> deadline() const;

  std::uint16_t target() const { return target_; }
  std::uint16_t ready() const { return ready_; }
  std::uint32_t opening() const { return asked_.total(); }
  const PoolLimits& limits() const { return limits_; }

 private:
  void advance(TimePoint now);
  std::uint16_t missing() const;
  void on_demand(TimePoint now);

  PoolLimits limits_;
  std::uint16_t target_;
  std::uint16_t ready_ = 0;
  std::uint32_t waiting_ = 0;
  AskLedger asked_;
  std::optional<TimePoint> short_since_;
  TimePoint decays_at_;
  TimePoint idle_at_;
};

}  // namespace fairlead::core
