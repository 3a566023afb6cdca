#pragma once
// How a server ends, as a pure machine: told signals, time and how many relays live; says what to do. Serves Server,
// on its loop.
//
//   serving --signal--> draining --drain_delay--> closing --no relay left, or drain_timeout--> stopped
//      any but stopped --second signal--> stopped
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/time.h"

namespace fairlead::rendezvous {

enum class ServingAction : std::uint8_t {
  none,
  tell_agents,      // that they should move; clients are still accepted
  close_listeners,  // live relays go on
  stop,
};

class Serving {
 public:
  enum class State : std::uint8_t {
    serving,   // until a signal comes
    draining,  // agents were told and clients are still accepted: until they know other servers, drain_delay
    closing,   // nothing is accepted any more: until the relays have ended by themselves, at most drain_timeout
    stopped,
  };

  ServingAction on_signal(TimePoint now, Duration drain_delay, Duration drain_timeout);
  // At deadline(), or whenever relays may have ended.
  ServingAction on_time(TimePoint now, std::size_t relays);
  std::optional<TimePoint> deadline() const;

  State state() const { return state_; }
  std::string_view name() const;

 private:
  void enter(State next);

  State state_ = State::serving;
  TimePoint close_at_;
  TimePoint stop_at_;
  Duration drain_timeout_{};
};

}  // namespace fairlead::rendezvous
