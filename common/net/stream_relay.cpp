#include "common/net/stream_relay.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace fairlead::net {

using core::RelayStep;
using core::Side;

namespace {

// A stream need not tell when the last byte was delivered; only relays that end in an abort or a refusal ask.
constexpr Duration kDeliveryInterval = 5ms;

}  // namespace

StreamRelay::StreamRelay(StreamRelayTools tools, StreamEnds ends, const RelayLimits& limits, StreamRelayOwner& owner)
    : tools_(tools),
      owner_(owner),
      turn_budget_(limits.turn_budget),
      started_(now()),
      state_(limits.times(), started_),
      first_(limits.first),
      prefix_size_(ends.to_client_prefix.size()),
      client_{.side = Side::client, .stream = std::move(ends.client), .ahead = std::move(ends.to_service)},
      service_{.side = Side::service, .stream = std::move(ends.service), .ahead = std::move(ends.to_client_prefix)},
      timer_([](void* self) { static_cast<StreamRelay*>(self)->on_timer(); }, this) {
  CHECK(turn_budget_ > 0 && client_.stream && service_.stream);
  state_.opened(client_.ahead.size());
  const Bytes good = first_.pass(ends.to_client);
  service_.ahead.insert(service_.ahead.end(), good.begin(), good.end());
  state_.received(Side::service, service_.ahead.size());
  client_.stream->set_owner(*this);
  service_.stream->set_owner(*this);
  arm_timer();
}

std::uint64_t StreamRelay::service_bytes() const {
  const std::uint64_t passed_on = state_.passed_on(Side::service);
  return passed_on - std::min(passed_on, prefix_size_);
}

std::size_t StreamRelay::memory() const {
  std::size_t sum = 0;
  for (const End* end : {&client_, &service_}) sum += end->ahead.capacity() + end->stream->memory();
  return sum;
}

void StreamRelay::close(Reason reason) {
  if (state_.finished()) return;
  state_.close(reason);
  obey();
}

void StreamRelay::on_stream_progress(ByteStream& /*stream*/) {
  if (!state_.finished()) pump();
}

void StreamRelay::pump() {
  again_ = false;
  if (refused_until_) return obey();
  move(client_, service_);
  move(service_, client_);
  look_for_breaks();
  obey();
}

// Until the source has nothing or the target takes nothing: then one of them calls when that changes.
void StreamRelay::move(End& from, End& to) {
  std::size_t budget = turn_budget_;
  while (pass_out(from, to) && state_.may_read(from.side)) {
    if (budget == 0) {
      again_ = true;
      break;
    }
    const std::size_t taken = take_in(from, to, budget);
    if (taken == 0) break;
    state_.moved(now());
    budget -= std::min(budget, taken);
  }
}

// True when nothing is held any more.
bool StreamRelay::pass_out(End& from, End& to) {
  if (state_.held(from.side) == 0) return true;
  if (!state_.may_write(to.side)) return false;
  const std::size_t gone = to.stream->write(ByteView(from.ahead).subspan(from.ahead_sent));
  from.ahead_sent += gone;
  if (gone > 0) {
    state_.written(to.side, gone);
    state_.moved(now());
  }
  if (from.ahead_sent < from.ahead.size()) return false;
  from.ahead = Bytes();
  from.ahead_sent = 0;
  return true;
}

// Returns how much was taken; nothing when there is nothing, or no more.
std::size_t StreamRelay::take_in(End& from, End& to, std::size_t budget) {
  const bool judged = from.side == Side::service && first_.judging();
  const MutableBytes scratch = tools_.pipes.scratch();
  const std::size_t room = std::min({scratch.size(), budget, judged ? first_.room() : scratch.size()});
  if (room == 0) return 0;
  const StreamRead got = from.stream->read(scratch.first(room));
  switch (got.kind) {
    case StreamRead::Kind::bytes:
      if (!judged) return take(from, to, scratch.first(got.count));
      take(from, to, first_.pass(scratch.first(got.count)));
      return got.count;
    case StreamRead::Kind::nothing:
      break;
    case StreamRead::Kind::end:
      if (judged) first_.ended();
      state_.ended(from.side);
      break;
    case StreamRead::Kind::aborted:
      state_.failed(from.side);
      break;
  }
  return 0;
}

// Straight from the scratch buffer to the other stream; only what that does not take is kept.
std::size_t StreamRelay::take(End& from, End& to, ByteView bytes) {
  if (bytes.empty()) return 0;
  state_.received(from.side, bytes.size());
  const std::size_t gone = to.stream->write(bytes);
  state_.written(to.side, gone);
  from.ahead.assign(bytes.begin() + static_cast<std::ptrdiff_t>(gone), bytes.end());
  return bytes.size();
}

void StreamRelay::look_for_breaks() {
  for (const End* end : {&client_, &service_}) {
    if (end->stream->broken()) state_.write_failed(end->side);
  }
}

void StreamRelay::obey() {
  if (first_.refusal() && !state_.finished()) {
    if (refuse() == Telling::goes_on) return arm_timer();
    state_.close(*first_.refusal());
  }
  while (const auto step = state_.next_step(now())) {
    switch (step->kind) {
      case RelayStep::Kind::shut_down:
        shut_down(end_of(step->side));
        break;
      case RelayStep::Kind::await_delivery:
        awaited_ = step->side;
        look_for_delivery();
        break;
      case RelayStep::Kind::finish:
        return finish(step->reason);
    }
  }
  arm_timer();
}

// The alert stands in the place of the service's bytes, behind our own words. What the client goes on saying is
// dropped.
StreamRelay::Telling StreamRelay::refuse() {
  if (!refused_until_) {
    refused_until_ = now() + kFarewellTime;
    abort(service_);
    const Bytes alert = core::FirstFlight::last_words();
    service_.ahead.insert(service_.ahead.end(), alert.begin(), alert.end());
  }
  ByteStream& client = *client_.stream;
  if (client.read(tools_.pipes.scratch()).kind == StreamRead::Kind::bytes) again_ = true;
  service_.ahead_sent += client.write(ByteView(service_.ahead).subspan(service_.ahead_sent));
  const bool said = service_.ahead_sent == service_.ahead.size();
  if (said) shut_down(client_);
  const bool over = client.broken() || now() >= *refused_until_ || (said && client.undelivered() == 0);
  return over ? Telling::done : Telling::goes_on;
}

void StreamRelay::look_for_delivery() {
  if (awaited_ && end_of(*awaited_).stream->undelivered() == 0) state_.delivered(*awaited_);
}

void StreamRelay::shut_down(End& end) {
  if (!std::exchange(end.ended, true)) end.stream->shut_down();
}

void StreamRelay::abort(End& end) {
  if (std::exchange(end.aborted, true)) return;
  end.ended = true;
  end.stream->abort();
}

void StreamRelay::finish(Reason reason) {
  timer_.cancel();
  for (End* end : {&client_, &service_}) {
    const bool told = refused_until_ && end->ended;
    if (state_.close_with_reset(end->side) || (reason != Reason::completed && !told)) {
      abort(*end);
    } else {
      shut_down(*end);
    }
  }
  owner_.on_stream_relay_ended(
      *this,
      {.reason = reason, .client_bytes = client_bytes(), .service_bytes = service_bytes(), .lasted = now() - started_});
}

void StreamRelay::arm_timer() {
  TimePoint due = *state_.deadline();
  if (awaited_ || refused_until_) due = std::min(due, now() + kDeliveryInterval);
  if (again_) due = now();
  tools_.loop.timers().arm(timer_, due);
}

void StreamRelay::on_timer() {
  look_for_delivery();
  state_.on_time(now());
  pump();
}

}  // namespace fairlead::net
