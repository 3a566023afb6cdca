#include "rendezvous/control/handshake_desk.h"

#include <algorithm>
#include <utility>

#include "common/net/socket.h"
#include "common/tls/session_state.h"
#include "common/wire/client_hello.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::size_t kMostAtOnce = 256;  // that begin or go in one call: others wait for the lock
constexpr int kWaits = 3;                 // of handshake_timeout, which a peer may wait for its turn

core::HandshakeLimits line_limits(const Limits& limits) {
  return {.at_a_time = limits.handshakes_max,
          .waiting = limits.handshakes_waiting,
          .places = limits.waiting_places,
          .waiting_bytes = limits.handshakes_waiting_bytes,
          .starts_per_second = static_cast<double>(limits.handshakes_per_source),
          .wait_limit = kWaits * limits.handshake_timeout,
          .flight_limit = limits.flight_timeout};
}

}  // namespace

HandshakePlace::HandshakePlace(HandshakePlace&& other) noexcept
    : desk_(std::exchange(other.desk_, nullptr)), ticket_(other.ticket_), source_(other.source_) {}

HandshakePlace& HandshakePlace::operator=(HandshakePlace&& other) noexcept {
  std::swap(desk_, other.desk_);
  std::swap(ticket_, other.ticket_);
  std::swap(source_, other.source_);
  return *this;
}

HandshakePlace::~HandshakePlace() {
  if (desk_ != nullptr) desk_->end(ticket_);
}

void HandshakePlace::proved() {
  if (desk_ != nullptr) desk_->proved(ticket_, source_);
}

// What the lock found to do, done without it.
struct HandshakeDesk::Work {
  struct Begin {
    std::size_t taker;
    ControlInbound inbound;
    HandshakePlace place;
  };
  struct GiveUp {
    std::size_t taker;
    Ticket ticket;
    Reason reason;
  };
  std::vector<Begin> begin;
  std::vector<GiveUp> give_up;
  std::vector<ControlInbound> closed;  // their sockets close with this
  bool arm = false;
};

HandshakeDesk::HandshakeDesk(net::Loop& loop, Counters& counters, const Gauge& sessions,
                             std::shared_ptr<const tls::TicketKeys> keys, const Limits& limits)
    : loop_(loop),
      counters_(counters),
      sessions_(sessions),
      keys_(std::move(keys)),
      line_(line_limits(limits)),
      timer_([](void* self) { static_cast<HandshakeDesk*>(self)->on_time(); }, this) {}

core::HandshakeLine::Standing HandshakeDesk::standing_of(const ControlInbound& inbound) const {
  using Standing = core::HandshakeLine::Standing;
  if (keys_ == nullptr) return Standing::stranger;
  const Bytes ticket = wire::session_ticket_of(inbound.bytes);
  if (ticket.empty()) return Standing::stranger;
  const auto unsealed = keys_->unseal(ticket);
  const auto state = unsealed ? tls::parse_session_state(*unsealed) : std::nullopt;
  // The bundle is judged in the handshake.
  const bool good =
      state && tls::judge_session(*state, state->ca_hash, net::wall_now()) == tls::ResumptionRefused::none;
  return good ? Standing::resuming : Standing::stranger;
}

void HandshakeDesk::take(ControlInbound inbound) {
  using Standing = core::HandshakeLine::Standing;
  inbound.bytes.shrink_to_fit();
  Standing standing = standing_of(inbound);
  const TimePoint now = net::monotonic_now();
  Work work;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    if (standing == Standing::stranger && known_.knows(inbound.peer.ip, now)) standing = Standing::known;
    line_.lend(sessions_.max() - std::min(sessions_.max(), sessions_.used()));
    const Ticket ticket = line_.add(inbound.peer.ip, inbound.bytes.capacity(), standing, now);
    waiting_.emplace(ticket, std::move(inbound));
    work = advance(now);
  }
  hand_out(std::move(work));
}

// Under the lock. What can begin or must go now; when that is too much for one call, the timer brings the next.
HandshakeDesk::Work HandshakeDesk::advance(TimePoint now) {
  Work work;
  std::size_t moved = 0;
  while (!closed_ && moved < kMostAtOnce) {
    const auto gone = line_.take_gone(now, kMostAtOnce - moved);
    for (const auto& each : gone) {
      if (auto waited = waiting_.extract(each.ticket)) {
        counters_.refused.add(each.reason);
        work.closed.push_back(std::move(waited.mapped()));
      } else if (const auto running = taker_of_.extract(each.ticket)) {
        work.give_up.push_back({running.mapped(), each.ticket, each.reason});
      }
    }
    const auto started = line_.start_next(now);
    if (started) begin(*started, work);
    if (!started && gone.empty()) break;
    moved += gone.size() + (started ? 1 : 0);
  }
  const auto due = moved < kMostAtOnce ? line_.deadline(now) : now;
  work.arm = due && (!armed_for_ || *due < *armed_for_);
  if (work.arm) armed_for_ = due;
  return work;
}

void HandshakeDesk::begin(const core::HandshakeLine::Started& started, Work& work) {
  ControlInbound inbound = std::move(waiting_.extract(started.waited).mapped());
  // A peer that gave up while it waited must not cost a handshake.
  if (net::peek(inbound.fd.get()) == net::Peek::end) {
    counters_.refused.add(Reason::client_closed);
    line_.never_began(started.running);
    work.closed.push_back(std::move(inbound));
    return;
  }
  const std::size_t taker = next_taker_++ % takers_.size();
  taker_of_.emplace(started.running, taker);
  HandshakePlace place(*this, started.running, inbound.peer.ip);
  work.begin.push_back({taker, std::move(inbound), std::move(place)});
}

void HandshakeDesk::hand_out(Work work) {
  for (Work::Begin& each : work.begin) takers_[each.taker]->begin(std::move(each.inbound), std::move(each.place));
  for (const Work::GiveUp& each : work.give_up) takers_[each.taker]->give_up(each.ticket, each.reason);
  if (work.arm) loop_.post([this] { arm(); });
}

void HandshakeDesk::arm() {
  const std::lock_guard lock(mutex_);
  if (armed_for_ && !closed_) loop_.timers().arm(timer_, *armed_for_);
}

void HandshakeDesk::on_time() {
  Work work;
  {
    const std::lock_guard lock(mutex_);
    armed_for_.reset();
    work = advance(net::monotonic_now());
  }
  hand_out(std::move(work));
}

void HandshakeDesk::proved(Ticket ticket, const IpAddress& source) {
  const std::lock_guard lock(mutex_);
  const TimePoint now = net::monotonic_now();
  line_.proved(ticket, now);
  known_.note(source, now);
}

void HandshakeDesk::end(Ticket ticket) {
  Work work;
  {
    const std::lock_guard lock(mutex_);
    taker_of_.erase(ticket);
    const TimePoint now = net::monotonic_now();
    line_.end(ticket, now);
    work = advance(now);
  }
  hand_out(std::move(work));
}

void HandshakeDesk::apply(const Limits& limits) {
  Work work;
  {
    const std::lock_guard lock(mutex_);
    line_.apply(line_limits(limits));
    work = advance(net::monotonic_now());
  }
  hand_out(std::move(work));
}

void HandshakeDesk::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  waiting_.clear();
  timer_.cancel();
}

HandshakeDesk::Use HandshakeDesk::use() const {
  const std::lock_guard lock(mutex_);
  return {line_.under_way(), line_.waiting(), line_.waiting_bytes()};
}

}  // namespace fairlead::rendezvous
