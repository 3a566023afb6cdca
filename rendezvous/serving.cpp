#include "rendezvous/serving.h"

#include "common/base/check.h"

namespace fairlead::rendezvous {

ServingAction Serving::on_signal(TimePoint now, Duration drain_delay, Duration drain_timeout) {
  if (state_ == State::stopped) return ServingAction::none;
  if (state_ != State::serving) {
    enter(State::stopped);
    return ServingAction::stop;
  }
  enter(State::draining);
  close_at_ = now + drain_delay;
  drain_timeout_ = drain_timeout;
  return ServingAction::tell_agents;
}

ServingAction Serving::on_time(TimePoint now, std::size_t relays) {
  if (state_ == State::draining && now >= close_at_) {
    enter(State::closing);
    stop_at_ = now + drain_timeout_;
    return ServingAction::close_listeners;
  }
  if (state_ == State::closing && (now >= stop_at_ || relays == 0)) {
    enter(State::stopped);
    return ServingAction::stop;
  }
  return ServingAction::none;
}

std::optional<TimePoint> Serving::deadline() const {
  switch (state_) {
    case State::draining:
      return close_at_;
    case State::closing:
      return stop_at_;
    case State::serving:
    case State::stopped:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string_view Serving::name() const {
  switch (state_) {
    case State::serving:
      return "serving";
    case State::draining:
      return "draining";
    case State::closing:
      return "closing";
    case State::stopped:
      return "stopped";
  }
  return "";
}

void Serving::enter(State next) {
  switch (next) {
    case State::serving:
      CHECK(false);
    case State::draining:
      CHECK(state_ == State::serving);
      break;
    case State::closing:
      CHECK(state_ == State::draining);
      break;
    case State::stopped:
      CHECK(state_ == State::draining || state_ == State::closing);
      break;
  }
  state_ = next;
}

}  // namespace fairlead::rendezvous
