#include "common/net/relay.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/net/socket.h"
#include "common/net/socket_buffers.h"

namespace fairlead::net {

using core::RelayStep;
using core::Side;

namespace {

// There is no event for "all acknowledged"; only connections that end in a reset are asked, for 1 s at most.
constexpr Duration kDeliveryInterval = 5ms;
// A direction that moved this much in one turn is worth a large pipe in the next.
constexpr std::size_t kBusyTurn = 256 * 1024;
// A direction's turn, and so what its pipe can hold, while memory is tight.
constexpr std::size_t kTightTurn = 32 * 1024;

}  // namespace

Relay::Relay(RelayTools tools, RelayEnds ends, RelayLimits limits, RelayOwner& owner)
    : tools_(tools),
      owner_(owner),
      whole_turn_(limits.turn_budget),
      usual_sending_(limits.sending),
      turn_budget_(limits.turn_budget),
      sending_(limits.sending),
      started_(now()),
      state_(limits.times(), started_),
      prefix_size_(ends.to_client_prefix.size()),
      client_(*this, Side::client),
      service_(*this, Side::service),
      prefix_(std::move(ends.to_client_prefix)),
      first_(limits.first),
      timer_([](void* self) { static_cast<Relay*>(self)->on_timer(); }, this) {
  CHECK(turn_budget_ > 0);
  client_.fd = std::move(ends.client);
  service_.fd = std::move(ends.service);
  client_.ahead = std::move(ends.to_service);
  state_.opened(client_.ahead.size());
  if (!ends.to_client.empty()) judge(ends.to_client);
  for (End* end : {&client_, &service_}) {
    end->fd.retarget(*end);
    end->fd.run_again();
  }
  if (tools_.stuck != nullptr && tools_.stuck->tight()) set_tight(true);
  arm_timer();
}

Relay::~Relay() {
  if (stuck_place) tools_.stuck->leave(*this);
  if (state_.finished()) return;
  for (End* end : {&client_, &service_}) {
    if (end->pipe.valid()) tools_.pipes.discard(std::move(end->pipe));
  }
}

std::uint64_t Relay::service_bytes() const {
  const std::uint64_t passed_on = state_.passed_on(Side::service);
  return passed_on - std::min(passed_on, prefix_size_);
}

void Relay::keep_alive(core::Side side, Duration idle) {
  if (end_of(side).fd.valid()) net::keep_alive(end_of(side).fd.get(), idle);
}

void Relay::close(Reason reason) {
  if (state_.finished()) return;
  state_.close(reason);
  obey();
}

void Relay::abort(Side side, Reason reason) {
  if (state_.finished()) return;
  state_.abort(side, reason);
  obey();
}

std::uint64_t Relay::passed_on() const {
  return state_.passed_on(Side::client) + state_.passed_on(Side::service);
}

std::size_t Relay::kernel_memory() const {
  return client_.piped + service_.piped + socket_memory(client_.fd.get()) + socket_memory(service_.fd.get());
}

void Relay::set_tight(bool tight) {
  if (std::exchange(tight_, tight) == tight) return;
  turn_budget_ = tight ? std::min(whole_turn_, kTightTurn) : whole_turn_;
  sending_ = tight ? Sending::bounded : usual_sending_;
  for (const End* end : {&client_, &service_}) {
    if (end->fd.valid()) tight ? hold_small(end->fd.get()) : let_grow(end->fd.get());
  }
}

void Relay::cut_off(Reason reason) {
  if (state_.finished()) return;
  for (const End* end : {&client_, &service_}) reset_on_close(end->fd.get());
  close(reason);
}

void Relay::on_ready(End& end, Readiness ready) {
  if (tight_ && !tools_.stuck->tight()) set_tight(false);
  End& opposite = end_of(other(end.side));
  if (ready.readable) move(end, opposite);
  // Nothing held means that the opposite side has nothing to read, or asked to run again.
  if (ready.writable && state_.held(opposite.side) > 0 && state_.may_write(end.side)) move(opposite, end);
  if (ready.failed) look_for_error(end);
  obey();
}

// A side that is not being read (it ended, or its bytes are stuck) can still be reset.
void Relay::look_for_error(End& end) {
  if (!state_.may_read(end.side) && connect_result(end.fd.get())) state_.write_failed(end.side);
}

// Until one socket would block: edge triggering tells only then. A read that brought less than was asked for proves
// nothing, because a pipe is also full when its slots are.
void Relay::move(End& from, End& to) {
  std::size_t budget = turn_budget_;
  while (pass_out(from, to) && state_.may_read(from.side)) {
    if (budget == 0) {
      from.fd.run_again();
      break;
    }
    const std::size_t taken = take_in(from, to, budget);
    if (taken == 0) break;
    state_.moved(now());
    budget -= std::min(budget, taken);
    if (turn_budget_ - budget >= kBusyTurn) from.wish = PipeSize::large;
  }
  if (turn_budget_ - budget >= kBusyTurn) {
    tools_.poller.give_way();
  } else {
    from.wish = PipeSize::normal;
  }
  if (from.pipe.valid()) put_pipe_away(from);
}

// True when nothing is held any more.
bool Relay::pass_out(End& from, End& to) {
  if (state_.held(from.side) == 0) return true;
  if (!state_.may_write(to.side) || (sending_ == Sending::bounded && !send_room(to.fd.get()))) return false;
  return pass_ahead(from, to) && pass_piped(from, to);
}

bool Relay::pass_ahead(End& from, End& to) {
  while (from.ahead_sent < from.ahead.size()) {
    const auto sent = write_some(to.fd.get(), ByteView(from.ahead).subspan(from.ahead_sent));
    if (!sent) {
      state_.write_failed(to.side);
      return false;
    }
    if (!*sent) return false;
    from.ahead_sent += **sent;
    state_.written(to.side, **sent);
    state_.moved(now());
  }
  from.ahead = Bytes();
  from.ahead_sent = 0;
  return true;
}

bool Relay::pass_piped(End& from, End& to) {
  while (from.piped > 0) {
    const Transfer out = splice_out(from.pipe, to.fd.get(), from.piped);
    switch (out.kind) {
      case Transfer::Kind::moved:
        from.piped -= out.bytes;
        state_.written(to.side, out.bytes);
        state_.moved(now());
        break;
      case Transfer::Kind::would_block:
        return false;
      case Transfer::Kind::unsupported:
        from.spliceable = false;
        from.ahead = read_pipe(from.pipe, std::exchange(from.piped, 0));
        return pass_ahead(from, to);
      case Transfer::Kind::ended:
      case Transfer::Kind::broken:
        state_.write_failed(to.side);
        return false;
    }
  }
  return true;
}

// Returns how much was taken; nothing when the side would block, ended or failed.
std::size_t Relay::take_in(End& from, End& to, std::size_t budget) {
  if (from.side == Side::service && (first_.judging() || !prefix_.empty())) return take_first();
  return has_pipe(from) ? take_spliced(from, budget) : take_copied(from, to);
}

std::size_t Relay::take_spliced(End& from, std::size_t budget) {
  const Transfer in = splice_in(from.fd.get(), from.pipe, std::min(from.pipe.capacity, budget));
  switch (in.kind) {
    case Transfer::Kind::moved:
      from.piped = in.bytes;
      state_.received(from.side, in.bytes);
      return in.bytes;
    case Transfer::Kind::would_block:
      break;
    case Transfer::Kind::ended:
      state_.ended(from.side);
      break;
    case Transfer::Kind::unsupported:
      from.spliceable = false;
      from.fd.run_again();
      break;
    case Transfer::Kind::broken:
      state_.failed(from.side);
      break;
  }
  return 0;
}

std::size_t Relay::take_copied(End& from, End& to) {
  const MutableBytes scratch = tools_.pipes.scratch();
  const auto got = read_some(from.fd.get(), scratch);
  if (!got) state_.failed(from.side);
  if (!got || !*got) return 0;
  if (**got == 0) {
    state_.ended(from.side);
    return 0;
  }
  const ByteView bytes = scratch.first(**got);
  state_.received(from.side, bytes.size());
  const auto sent = write_some(to.fd.get(), bytes);
  if (!sent) {
    state_.write_failed(to.side);
    return bytes.size();
  }
  const std::size_t gone = sent->value_or(0);
  state_.written(to.side, gone);
  from.ahead.assign(bytes.begin() + static_cast<std::ptrdiff_t>(gone), bytes.end());
  return bytes.size();
}

std::size_t Relay::take_first() {
  if (first_.room() == 0) return 0;
  const MutableBytes scratch = tools_.pipes.scratch();
  const auto got = read_some(service_.fd.get(), scratch.first(first_.room()));
  if (got && !*got) return 0;
  if (!got || **got == 0) {
    release_prefix();
    service_.fd.run_again();  // there is nothing more to read that would bring them on their way
    if (!got) {
      state_.failed(Side::service);
    } else {
      first_.ended();
      state_.ended(Side::service);
    }
    return 0;
  }
  judge(scratch.first(**got));
  return **got;
}

void Relay::judge(ByteView from_service) {
  const Bytes good = first_.pass(from_service);
  if (good.empty()) return;
  release_prefix();
  state_.received(Side::service, good.size());
  service_.ahead.insert(service_.ahead.end(), good.begin(), good.end());
}

void Relay::release_prefix() {
  state_.received(Side::service, prefix_.size());
  service_.ahead.insert(service_.ahead.end(), prefix_.begin(), prefix_.end());
  prefix_ = Bytes();
}

bool Relay::has_pipe(End& from) {
  if (!from.spliceable) return false;
  if (from.pipe.valid()) {
    if (from.wish == PipeSize::normal || from.pipe.size == PipeSize::large) return true;
    put_pipe_away(from);  // it is empty, and too small for what comes
  }
  auto pipe = tools_.pipes.take(from.wish);
  if (!pipe) return false;
  from.pipe = std::move(*pipe);
  return true;
}

void Relay::put_pipe_away(End& from) {
  if (from.piped == 0) {
    tools_.pipes.give_back(std::exchange(from.pipe, Pipe()));
  } else if (!state_.may_write(other(from.side))) {
    tools_.pipes.discard(std::exchange(from.pipe, Pipe()));
    from.piped = 0;
  }
}

void Relay::look_whether_stuck() {
  if (tools_.stuck != nullptr && !state_.finished() && stuck()) tools_.stuck->enter(*this);
}

// Before anything that may end it.
void Relay::tell_who_spoke() {
  if (told_who_spoke_ || !state_.client_spoke()) return;
  told_who_spoke_ = true;
  owner_.on_client_spoke(*this);
}

void Relay::obey() {
  tell_who_spoke();
  if (first_.refusal() && !state_.finished()) refuse();
  while (const auto step = state_.next_step(now())) {
    switch (step->kind) {
      case RelayStep::Kind::shut_down:
        shut_down_writing(end_of(step->side).fd.get());
        break;
      case RelayStep::Kind::await_delivery:
        awaited_ = step->side;
        look_for_delivery();
        break;
      case RelayStep::Kind::finish:
        return finish(step->reason);
    }
  }
  look_whether_stuck();
  arm_timer();
}

// The alert stands in the place of the service's bytes, behind our own words if the client has not got them all.
void Relay::refuse() {
  release_prefix();
  const auto unsent = service_.ahead.begin() + static_cast<std::ptrdiff_t>(service_.ahead_sent);
  Bytes last_words(unsent, service_.ahead.end());
  const Bytes alert = core::FirstFlight::last_words();
  last_words.insert(last_words.end(), alert.begin(), alert.end());
  tools_.farewells.say(std::move(client_.fd), std::move(last_words));
  state_.close(*first_.refusal());
}

void Relay::look_for_delivery() {
  if (awaited_ && unacknowledged_bytes(end_of(*awaited_).fd.get()) == 0) state_.delivered(*awaited_);
}

void Relay::finish(Reason reason) {
  if (stuck_place) tools_.stuck->leave(*this);
  timer_.cancel();
  for (End* end : {&client_, &service_}) {
    if (end->pipe.valid()) tools_.pipes.discard(std::exchange(end->pipe, Pipe()));
    if (state_.close_with_reset(end->side)) reset_on_close(end->fd.get());
    end->fd.reset();
  }
  owner_.on_relay_ended(
      *this,
      {.reason = reason, .client_bytes = client_bytes(), .service_bytes = service_bytes(), .lasted = now() - started_});
}

// The idle deadline moves with each byte, the timer does not: it is armed anew when it fires, or for something earlier.
void Relay::arm_timer() {
  TimePoint due = *state_.deadline();
  if (awaited_) due = std::min(due, now() + kDeliveryInterval);
  if (!prefix_.empty()) due = std::min(due, started_ + kPrefixPatience);
  if (timer_.armed() && due >= timer_due_) return;
  timer_due_ = due;
  tools_.poller.loop().timers().arm(timer_, due);
}

void Relay::on_timer() {
  look_for_delivery();
  if (!prefix_.empty() && now() >= started_ + kPrefixPatience) {
    release_prefix();
    service_.fd.run_again();
  }
  state_.on_time(now());
  obey();
}

}  // namespace fairlead::net
