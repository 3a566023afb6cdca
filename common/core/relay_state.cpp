#include "common/core/relay_state.h"

#include <algorithm>

#include "common/base/check.h"

namespace fairlead::core {

void RelayState::opened(std::size_t n) {
  flow(Side::client).received += n;
}

void RelayState::received(Side from, std::size_t n) {
  flow(from).received += n;
  if (from == Side::client && n > 0) client_spoke_ = true;
}

void RelayState::written(Side to, std::size_t n) {
  CHECK(n <= held(other(to)));
  flow(other(to)).written += n;
}

void RelayState::ended(Side from) {
  if (flow(from).end == End::open) flow(from).end = broken(from) ? End::cut : End::ended;
}

void RelayState::failed(Side side) {
  write_failed(side);
  ended(side);
}

void RelayState::write_failed(Side side) {
  broken_[static_cast<std::size_t>(side)] = true;
  if (!first_broken_) first_broken_ = side;
}

void RelayState::delivered(Side to) {
  if (phase_ != Phase::settling) return;
  finish_with_reset(to);
}

void RelayState::close(Reason reason) {
  if (!finished()) finish(reason);
}

void RelayState::abort(Side side, Reason reason) {
  if (finished() || broken(side)) return;
  abort_reason_ = abort_reason_.value_or(reason);
  write_failed(side);
}

void RelayState::on_time(TimePoint now) {
  if (finished() || now < *deadline()) return;
  switch (phase_) {
    case Phase::relaying:
      return finish(idle_reason());
    case Phase::half_closed:
      return finish(now >= phase_since_ + times_.half_close_timeout ? Reason::half_close_timeout : idle_reason());
    case Phase::resetting:
    case Phase::settling:
      return finish_with_reset(other(*first_broken_));
    case Phase::finished:
      return;
  }
}

std::optional<TimePoint> RelayState::deadline() const {
  const TimePoint idle = idle_deadline();
  const TimePoint half_close = phase_since_ + times_.half_close_timeout;
  switch (phase_) {
    case Phase::relaying:
      return idle;
    case Phase::half_closed:
      return std::min(idle, half_close);
    case Phase::resetting:  // a target that still takes bytes gets them, but not at a trickle for ever
      return std::min(std::max(phase_since_, last_move_) + kResetPatience, half_close);
    case Phase::settling:
      return phase_since_ + kResetPatience;
    case Phase::finished:
      break;
  }
  return std::nullopt;
}

TimePoint RelayState::idle_deadline() const {
  const bool short_limit = idle_reason() == Reason::first_flight_timeout;
  return last_move_ + (short_limit ? times_.first_flight_timeout : times_.idle_timeout);
}

Reason RelayState::idle_reason() const {
  const Duration limit = times_.first_flight_timeout;
  const bool short_limit = !client_spoke_ && limit > Duration{} && limit < times_.idle_timeout;
  return short_limit ? Reason::first_flight_timeout : Reason::idle_timeout;
}

std::optional<RelayStep> RelayState::next_step(TimePoint now) {
  if (!finished()) {
    const bool over = finished_in_order(Side::client) && finished_in_order(Side::service);
    const auto step = first_broken_ && !over ? pass_on_reset(*first_broken_, now) : pass_on_ends(now);
    if (step) return step;
  }
  if (!finished() || finish_told_) return std::nullopt;
  finish_told_ = true;
  return RelayStep{.kind = RelayStep::Kind::finish, .reason = reason_};
}

std::optional<RelayStep> RelayState::pass_on_ends(TimePoint now) {
  if (drained(Side::client) && drained(Side::service)) {
    finish(Reason::completed);  // closing tells whichever side was not told yet
    return std::nullopt;
  }
  for (const Side from : {Side::client, Side::service}) {
    if (flow(from).end != End::ended || !drained(from)) continue;
    half_close(from, now);
    return RelayStep{.kind = RelayStep::Kind::shut_down, .side = other(from)};
  }
  return std::nullopt;
}

std::optional<RelayStep> RelayState::pass_on_reset(Side from, TimePoint now) {
  if (broken(other(from))) {
    finish(reset_reason(from));  // nobody is left to be told
    return std::nullopt;
  }
  if (phase_ == Phase::relaying || phase_ == Phase::half_closed) {
    enter(Phase::resetting);
    phase_since_ = now;
  }
  if (phase_ != Phase::resetting || !drained(from)) return std::nullopt;
  enter(Phase::settling);
  phase_since_ = now;
  return RelayStep{.kind = RelayStep::Kind::await_delivery, .side = other(from)};
}

void RelayState::half_close(Side from, TimePoint now) {
  flow(from).end = End::passed_on;
  enter(Phase::half_closed);
  phase_since_ = now;
  for (Flow& each : flows_) each.before_half_close = each.received;
}

Reason RelayState::reset_reason(Side broken) const {
  if (abort_reason_) return *abort_reason_;
  if (had_parted(broken)) return Reason::completed;
  return broken == Side::client ? Reason::client_reset : Reason::service_reset;
}

// A service that breaks without an end of its own may have cut its answer short; a client has nothing left to say once
// the answer ended.
bool RelayState::had_parted(Side broken) const {
  const Flow& ours = flow(broken);
  const Flow& theirs = flow(other(broken));
  const bool ended = ours.end == End::passed_on || (broken == Side::client && theirs.end == End::passed_on);
  if (!ended || ours.before_half_close == 0 || theirs.before_half_close == 0) return false;
  return ours.received + theirs.received - ours.before_half_close - theirs.before_half_close <= kLastWords;
}

bool RelayState::may_read(Side from) const {
  return !finished() && flow(from).end == End::open && held(from) == 0 && !broken(other(from));
}

bool RelayState::may_write(Side to) const {
  return !finished() && held(other(to)) > 0 && !broken(to);
}

void RelayState::finish_with_reset(Side to) {
  reset_to_ = to;
  finish(reset_reason(other(to)));
}

void RelayState::finish(Reason reason) {
  enter(Phase::finished);
  reason_ = reason;
}

void RelayState::enter(Phase next) {
  switch (next) {
    case Phase::relaying:
      CHECK(false);  // the first one, never entered again
      break;
    case Phase::half_closed:
      CHECK(phase_ == Phase::relaying);
      break;
    case Phase::resetting:
      CHECK(phase_ == Phase::relaying || phase_ == Phase::half_closed);
      break;
    case Phase::settling:
      CHECK(phase_ == Phase::resetting);
      break;
    case Phase::finished:
      CHECK(phase_ != Phase::finished);
      break;
  }
  phase_ = next;
}

}  // namespace fairlead::core
