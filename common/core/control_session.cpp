#include "common/core/control_session.h"

#include "common/base/check.h"
#include "common/core/overloaded.h"

namespace fairlead::core {

void ControlSession::enter(State next) {
  switch (state_) {
    case State::opening:
      CHECK(next != State::opening);
      break;
    case State::deciding:
      CHECK(next == State::active || next == State::closing || next == State::closed);
      break;
    case State::active:
      CHECK(next == State::closing || next == State::closed);
      break;
    case State::closing:
      CHECK(next == State::closed);
      break;
    case State::closed:
      CHECK(false);
  }
  state_ = next;
  if (over()) stream_.drop_input();
}

void ControlSession::enter_active(PingRole role, Duration ping_interval, TimePoint now) {
  keepalive_.emplace(role, ping_interval, now);
  enter(State::active);
}

void ControlSession::receive(ByteView in, TimePoint now) {
  if (over()) return;
  stream_.append(in);
  while (!over()) {
    auto message = stream_.next();
    if (!message) return fail_peer(message.error().reason, message.error().detail);
    if (!*message) return;
    on_message(**message, now);
  }
}

void ControlSession::on_shared_message(const wire::ControlMessage& message, TimePoint now) {
  std::visit(Overloaded{
                 [&](const wire::Ping& m) {
                   keepalive_->on_peer_ping(now);
                   send(wire::Pong{m.id});
                 },
                 [&](const wire::Pong& m) { on_pong(m, now); },
                 [&](const wire::Drain& m) { push(session_event::Draining{std::chrono::milliseconds(m.within_ms)}); },
                 [&](const wire::RelayEnded& m) {
                   if (const auto reason = find_reason(m.code)) push(session_event::RelayEnded{m.connection, *reason});
                 },
                 [&](const wire::Skipped&) {},
                 [&](const auto&) {
                   fail_peer(Reason::protocol_error, "a message that no " + std::string(peer_) + " sends here");
                 },
             },
             message);
}

void ControlSession::on_pong(const wire::Pong& pong, TimePoint now) {
  const PongResult result = keepalive_->on_pong(pong.id, now);
  if (result.rtt) push(session_event::RttMeasured{*result.rtt});
  if (result.probe_answered) push(session_event::ProbeAnswered{});
}

std::optional<TimePoint> ControlSession::deadline() const {
  switch (state_) {
    case State::opening:
      return open_until_;
    case State::active:
      return keepalive_->deadline();
    case State::deciding:
    case State::closing:
    case State::closed:
      break;
  }
  return std::nullopt;
}

void ControlSession::on_time(TimePoint now) {
  if (state_ == State::opening && now >= open_until_) return on_open_late();
  if (!active()) return;
  if (keepalive_->dead(now)) {
    return fail_dead(Reason::ping_timeout, "the " + std::string(peer_) + " does not answer pings");
  }
  ping_if_due(now);
}

void ControlSession::ping_if_due(TimePoint now) {
  if (const auto id = keepalive_->take_ping(now)) send(wire::Ping{*id});
}

bool ControlSession::finished() const {
  return state_ == State::closed || (state_ == State::closing && output().empty());
}

void ControlSession::probe(TimePoint now, TimePoint deadline) {
  if (active()) send(wire::Ping{keepalive_->probe(now, deadline)});
}

void ControlSession::drain(Duration within) {
  if (active()) send(drain_message(within));
}

// A word that does not fit is not worth the session.
void ControlSession::relay_ended(const wire::ConnectionId& connection, Reason reason) {
  if (active() && output().size() < kMaxQueued / 2)
    send(wire::RelayEnded{connection, std::string(reason_code(reason))});
}

void ControlSession::send(const wire::ControlMessage& message) {
  if (stream_.send(message)) return;
  fail_dead(Reason::not_reading, "the " + std::string(peer_) + " does not read its control channel");
}

void ControlSession::tell_and_close(Reason reason, Duration retry_after, std::string detail) {
  send(refused_message(0, reason, retry_after, std::move(detail)));
  if (!over()) enter(State::closing);
}

void ControlSession::fail_peer(Reason reason, std::string detail) {
  tell_and_close(reason, 0s, detail);
  if (state_ == State::closing) push(session_event::Failed{reason, std::move(detail)});
}

void ControlSession::fail_dead(Reason reason, std::string detail) {
  enter(State::closed);
  push(session_event::Failed{reason, std::move(detail)});
}

}  // namespace fairlead::core
