#include "common/core/handshake_line.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace fairlead::core {
namespace {
constexpr int kPassesOver = 16;  // sources without rate that are passed over in one call
constexpr std::size_t kMostRecords = 8192;
constexpr std::chrono::duration<double> kHalfLife{1.0};
constexpr double kGoodPart = 10;       // one of so many
constexpr Duration kLookAgain = 10ms;  // after so many
}  // namespace

void HandshakeLine::apply(const HandshakeLimits& limits) {
  limits_ = limits;
  rate_.set(limits.starts_per_second);
  shed_beyond_limits();
}

HandshakeLine::Ticket HandshakeLine::add(const IpAddress& source, std::size_t bytes, Standing standing, TimePoint now) {
  const Ticket ticket = ++last_;
  waiting_.emplace(ticket, Waiting{source, bytes, standing, now});
  order_of(standing).waiting.insert(ticket, source);
  bytes_ += bytes;
  shed_beyond_limits();
  return ticket;
}

std::size_t HandshakeLine::room() const {
  const std::size_t places = limits_.places > SIZE_MAX - lent_ ? SIZE_MAX : limits_.places + lent_;
  return std::clamp<std::size_t>(places, 1, std::max<std::size_t>(limits_.waiting, 1));
}

// The kind of which more wait pays: a few who are known outlast any number of strangers, and the other way round.
void HandshakeLine::shed_beyond_limits() {
  while (waiting_.size() > room() || bytes_ > limits_.waiting_bytes) {
    const bool first = orders_[0].waiting.size() >= orders_[1].waiting.size();
    const auto oldest = orders_[first ? 0 : 1].waiting.oldest_of_fullest();
    if (!oldest) return;
    gone_.push_back({*oldest, Reason::handshakes_waiting});
    leave_waiting(*oldest);
  }
}

void HandshakeLine::leave_waiting(Ticket ticket) {
  const auto at = waiting_.find(ticket);
  order_of(at->second.standing).waiting.remove(ticket);
  bytes_ -= at->second.bytes;
  waiting_.erase(at);
}

bool HandshakeLine::full(const Order& order) const {
  return order.running.size() >= std::max<std::size_t>(1, limits_.at_a_time - limits_.at_a_time / 4);
}

std::optional<HandshakeLine::Started> HandshakeLine::start_next(TimePoint now) {
  rate_ready_.reset();
  for (std::size_t i = 0; i < std::size(orders_); ++i) {
    Order& order = orders_[(turn_ + i) % std::size(orders_)];
    if (auto started = start_of(order, now)) {
      ++turn_;
      return started;
    }
  }
  return std::nullopt;
}

std::optional<HandshakeLine::Started> HandshakeLine::start_of(Order& order, TimePoint now) {
  if (!has_room(order)) return std::nullopt;
  std::optional<Ticket> first;
  for (int i = 0; i < kPassesOver; ++i) {
    const auto ticket = order.waiting.next();
    if (!ticket || ticket == first) return std::nullopt;  // all were asked
    if (!first) first = ticket;
    const Waiting& next = waiting_.at(*ticket);
    if (has_half(order, next.source)) {
      order.waiting.pass(*ticket);
      continue;
    }
    if (rate_.take(next.source, now)) return start(*ticket, now);
    const TimePoint ready = rate_.ready_at(next.source, now);
    rate_ready_ = std::min(rate_ready_.value_or(ready), ready);
    order.waiting.pass(*ticket);
  }
  rate_ready_ = now + kLookAgain;
  return std::nullopt;
}

HandshakeLine::Started HandshakeLine::start(Ticket waited, TimePoint now) {
  const Waiting& was = waiting_.at(waited);
  const Ticket running = ++last_;
  running_.emplace(running, Running{was.source, was.standing, now});
  Order& order = order_of(was.standing);
  order.running.insert(running, was.source);
  order.waiting.pass(waited);
  leave_waiting(waited);
  return {waited, running};
}

void HandshakeLine::refund(Running& running) {
  if (std::exchange(running.charged, false)) rate_.give_back(running.source);
}

void HandshakeLine::leave_running(Ticket ticket, TimePoint now) {
  const auto at = running_.find(ticket);
  if (!at->second.proved) record_of(at->second.source, now).failed += 1;
  order_of(at->second.standing).running.remove(ticket);
  running_.erase(at);
}

void HandshakeLine::proved(Ticket ticket, TimePoint now) {
  const auto at = running_.find(ticket);
  if (at == running_.end() || std::exchange(at->second.proved, true)) return;
  refund(at->second);
  record_of(at->second.source, now).proved += 1;
}

void HandshakeLine::end(Ticket ticket, TimePoint now) {
  if (running_.contains(ticket)) leave_running(ticket, now);
}

void HandshakeLine::never_began(Ticket ticket) {
  const auto at = running_.find(ticket);
  if (at == running_.end()) return;
  refund(at->second);
  order_of(at->second.standing).running.remove(ticket);
  running_.erase(at);
}

HandshakeLine::Record& HandshakeLine::record_of(const IpAddress& source, TimePoint now) {
  if (records_.size() >= kMostRecords) records_.clear();
  Record& record = records_[SourceLevels(source).widest()];
  const double kept = std::exp2(-std::chrono::duration<double>(now - record.at) / kHalfLife);
  record = {record.proved * kept, record.failed * kept, now};
  return record;
}

bool HandshakeLine::productive(const Order& order, const IpAddress& source) const {
  const SourceKey key = SourceLevels(source).widest();
  const auto at = records_.find(key);
  if (at == records_.end()) return false;
  const double others = at->second.failed + static_cast<double>(order.running.count(key));
  return at->second.proved * kGoodPart > others;
}

bool HandshakeLine::has_half(const Order& order, const IpAddress& source) const {
  return order.running.count(SourceKey::of(source)) >= std::max<std::size_t>(1, limits_.at_a_time / 2);
}

bool HandshakeLine::waits_for_place(const Order& order) const {
  const auto next = order.waiting.next();
  return next && (!has_room(order) || has_half(order, waiting_.at(*next).source));
}

// Of which kind one must go for others to begin; null when nobody waits for a place.
const HandshakeLine::Order* HandshakeLine::to_thin_out() const {
  for (const Order& order : orders_) {
    if (!waits_for_place(order)) continue;
    if (has_room(order) || full(order)) return &order;
    return orders_[0].running.size() > orders_[1].running.size() ? &orders_[0] : &orders_[1];
  }
  return nullptr;
}

// The oldest under way of the fullest source, if it is a crowd: a slow link alone costs nobody its place.
std::optional<HandshakeLine::Victim> HandshakeLine::crowding() const {
  const Order* order = to_thin_out();
  const auto oldest = order == nullptr ? std::nullopt : order->running.oldest_of_fullest();
  if (!oldest) return std::nullopt;
  const Running& victim = running_.at(*oldest);
  const SourceLevels levels(victim.source);
  const bool crowd = std::any_of(levels.begin(), levels.end(), [order](const SourceKey& key) {
    return order->running.count(key) >= kCrowd * key.factor();
  });
  if (!crowd || productive(*order, victim.source)) return std::nullopt;
  return Victim{*oldest, victim.since + kFlightLeast};
}

std::vector<HandshakeLine::Gone> HandshakeLine::take_gone(TimePoint now, std::size_t most) {
  while (gone_.size() < most && !waiting_.empty() && waiting_.begin()->second.since + limits_.wait_limit <= now) {
    gone_.push_back({waiting_.begin()->first, Reason::handshake_timeout});
    leave_waiting(waiting_.begin()->first);
  }
  while (gone_.size() < most && !running_.empty() && running_.begin()->second.since + limits_.flight_limit <= now) {
    gone_.push_back({running_.begin()->first, Reason::flight_timeout});
    leave_running(running_.begin()->first, now);
  }
  if (const auto victim = crowding(); victim && victim->due <= now) {
    gone_.push_back({victim->ticket, Reason::handshakes_max});
    leave_running(victim->ticket, now);
  }
  return std::exchange(gone_, {});
}

std::optional<TimePoint> HandshakeLine::deadline(TimePoint now) const {
  std::optional<TimePoint> due;
  const auto sooner = [&due](TimePoint at) { due = std::min(due.value_or(at), at); };
  if (!gone_.empty()) sooner(now);
  if (!waiting_.empty()) sooner(waiting_.begin()->second.since + limits_.wait_limit);
  if (!running_.empty()) sooner(running_.begin()->second.since + limits_.flight_limit);
  if (rate_ready_) sooner(*rate_ready_);
  if (const auto victim = crowding()) sooner(victim->due);
  return due;
}

}  // namespace fairlead::core
