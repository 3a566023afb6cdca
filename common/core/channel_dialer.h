#pragma once
// How many data channels the agent dials now, whatever the rendezvous asks: never more than pool.max unbound ones
// (dialing or ready), at a limited rate, with backoff while dials fail. One per session, on the agent's loop. Pure.
#include <cstdint>
#include <optional>

#include "common/base/backoff.h"
#include "common/core/ask_ledger.h"
#include "common/core/token_bucket.h"

namespace fairlead::core {

// More than one agent can relay: a limit for a rendezvous that has gone mad.
inline constexpr double kDialsPerSecond = 50'000;
inline constexpr double kDialBurst = 256;
// What was asked for while ready channels were left, nobody waits for, but the connections that run would wait for a
// burst of dials: each step of kDialStep dials a kDialSpread-th of what is asked for, or as many as were taken since
// the last one.
inline constexpr Duration kDialStep = 1ms;
inline constexpr std::uint32_t kDialSpread = 16;
inline constexpr std::uint32_t kLeastDials = 4;
// What was asked for while none was ready, somebody may wait for: at most so many before what they brought is looked
// at.
inline constexpr std::uint32_t kMostDials = 16;
// Shorter than the session's own backoff: a client waits at most 10 s for a channel.
inline constexpr BackoffLimits kDialBackoff{200ms, 5s};

class ChannelDialer {
 public:
  ChannelDialer(std::uint16_t pool_max, TimePoint now);

  void on_open_channels(std::uint16_t count, TimePoint now);
  // How many dials to start now; each ends in on_ready (ticket written) or on_dial_failed.
  std::uint16_t take_dials(TimePoint now);
  void on_ready();
  void on_dial_failed(TimePoint now, Rng& rng);  // the ask is dropped: the rendezvous repeats it
  void on_bound();                               // a ready channel got its header: it does not count any more
  void on_lost();                                // a ready channel closed before it was bound
  // When take_dials() may answer more than now.
  std::optional<TimePoint> deadline(TimePoint now);

  std::uint16_t dialing() const { return dialing_; }
  std::uint16_t ready() const { return ready_; }
  std::uint32_t failures_in_a_row() const { return failures_; }

 private:
  std::uint16_t room() const;
  std::uint32_t take_step(TimePoint now);

  std::uint16_t max_;
  std::uint16_t dialing_ = 0;
  std::uint16_t ready_ = 0;
  std::uint32_t failures_ = 0;
  std::uint32_t urgent_ = 0;  // of what is asked for, what was asked while none was ready
  std::uint32_t taken_ = 0;   // bound since the last step, or since there was something to dial
  AskLedger asked_;
  TokenBucket rate_;
  Backoff backoff_;
  TimePoint not_before_;
  TimePoint next_step_;
};

}  // namespace fairlead::core
