#include "rendezvous/relay/agent_carrier.h"

#include <algorithm>

namespace fairlead::rendezvous {
namespace {

constexpr int kMostPassedOver = 8;  // clients of another worker that came earlier
constexpr int kWorthMoving = 2;     // ready channels that a worker has more than another one

}  // namespace

AgentCarrier::AgentCarrier(Description description, TimePoint now, std::function<void()> demand,
                           std::function<void()> probe, TellEnded tell_ended)
    : description_(std::move(description)),
      keys_(description_.key, description_.id),
      demand_(std::move(demand)),
      probe_(std::move(probe)),
      tell_ended_(std::move(tell_ended)),
      relays_(description_.relays_max),
      pool_(description_.pool, now) {}

Result<void> AgentCarrier::admit_ticket(const wire::Signed<wire::Ticket>& ticket) {
  const auto counter = keys_.verify_ticket(ticket);
  if (!counter) return tl::unexpected(counter.error());
  const std::lock_guard lock(mutex_);
  if (ended_) return fail(Reason::session_ended, "the session of this ticket has ended");
  return window_.accept(*counter);
}

Result<std::optional<WorkerItem>> AgentCarrier::add_ready(WorkerItem channel, TimePoint now) {
  std::optional<WorkerItem> waiter;
  bool wanting = false;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return fail(Reason::session_ended, "the session of this channel has ended");
    const auto before = pool_.ask_time();
    if (auto accepted = pool_.on_ready(now); !accepted) return tl::unexpected(accepted.error());
    if (waiters_.empty()) {
      ready_.push_back(channel);
      wanting = pool_.surplus(now) > 0;  // the target fell while it was on its way
    } else {
      waiter = take_waiter(channel.worker);
      pool_.on_served(now);
      wanting = replanned(before, now);
    }
  }
  if (wanting) tell_demand();  // one too many, or another has to take the place of the one that the waiter got
  return waiter;
}

// Of the channel's own worker where one waits there: nobody has to move then. Not for ever, though: channels may keep
// coming to that worker alone.
WorkerItem AgentCarrier::take_waiter(unsigned worker) {
  auto at = std::ranges::find(waiters_, worker, &WorkerItem::worker);
  if (at == waiters_.end() || passed_over_ >= kMostPassedOver) at = waiters_.begin();
  passed_over_ = at == waiters_.begin() ? 0 : passed_over_ + 1;
  const WorkerItem waiter = *at;
  waiters_.erase(at);
  return waiter;
}

unsigned AgentCarrier::home_of(unsigned arrived, unsigned workers) const {
  if (workers < 2) return arrived;
  const std::lock_guard lock(mutex_);
  if (!waiters_.empty()) {
    const bool here = std::ranges::find(waiters_, arrived, &WorkerItem::worker) != waiters_.end();
    return here ? arrived : waiters_.front().worker;
  }
  const auto ready_at = [this](unsigned worker) { return std::ranges::count(ready_, worker, &WorkerItem::worker); };
  unsigned least = arrived;
  auto fewest = ready_at(arrived);
  if (fewest < kWorthMoving) return arrived;
  fewest -= kWorthMoving - 1;
  for (unsigned worker = 0; worker < workers; ++worker) {
    if (ready_at(worker) >= fewest) continue;
    least = worker;
    fewest = ready_at(worker);
  }
  return least;
}

ChannelClaim AgentCarrier::claim_or_wait(WorkerItem client, TimePoint now) {
  ChannelClaim claim{ChannelClaim::Kind::waiting, {}};
  bool wanting = false;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return {ChannelClaim::Kind::ended, {}};
    const auto before = pool_.ask_time();
    if (ready_.empty()) {
      pool_.on_empty(now);
      waiters_.push_back(client);
    } else {
      const auto own = std::find_if(ready_.rbegin(), ready_.rend(),
                                    [&](const WorkerItem& each) { return each.worker == client.worker; });
      const auto at = own == ready_.rend() ? std::prev(ready_.end()) : std::prev(own.base());
      claim = {ChannelClaim::Kind::taken, *at};
      ready_.erase(at);
      pool_.on_taken(now);
    }
    wanting = replanned(before, now) || claim.kind == ChannelClaim::Kind::waiting;
  }
  if (wanting) tell_demand();
  return claim;
}

void AgentCarrier::stop_waiting(WorkerItem client) {
  const std::lock_guard lock(mutex_);
  if (std::erase(waiters_, client) > 0) pool_.on_gave_up();
}

bool AgentCarrier::remove_ready(WorkerItem channel, TimePoint now) {
  {
    const std::lock_guard lock(mutex_);
    if (std::erase(ready_, channel) == 0) return false;
    pool_.on_lost(now);
  }
  tell_demand();
  return true;
}

std::vector<WorkerItem> AgentCarrier::take_surplus(TimePoint now) {
  const std::lock_guard lock(mutex_);
  std::vector<WorkerItem> out;
  for (auto left = pool_.surplus(now); left > 0 && !ready_.empty(); --left) {
    out.push_back(ready_.front());
    ready_.erase(ready_.begin());
    pool_.on_lost(now);
  }
  return out;
}

bool AgentCarrier::replanned(std::optional<TimePoint> before, TimePoint now) {
  const auto after = pool_.ask_at(now);
  return after && after != before;
}

void AgentCarrier::tell_demand() {
  if (!demand_told_.exchange(true, std::memory_order_acq_rel)) demand_();
}

std::uint16_t AgentCarrier::take_ask(TimePoint now) {
  demand_told_.store(false, std::memory_order_release);
  const std::lock_guard lock(mutex_);
  return ended_ ? std::uint16_t{0} : pool_.take_ask(now);
}

std::optional<TimePoint> AgentCarrier::ask_deadline() {
  const std::lock_guard lock(mutex_);
  return pool_.deadline();
}

std::uint16_t AgentCarrier::pool_size() {
  const std::lock_guard lock(mutex_);
  return pool_.target();
}

AgentCarrier::Leftovers AgentCarrier::close() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  Leftovers left{.channels = std::move(ready_), .waiters = {waiters_.begin(), waiters_.end()}};
  ready_.clear();
  waiters_.clear();
  return left;
}

core::SealedHeader AgentCarrier::make_header(const wire::ChannelHeader& fields, ByteView hello) const {
  return keys_.make_header(fields, hello);
}

wire::Parsed<wire::ChannelAnswer> AgentCarrier::read_answer(ByteView in, const wire::Mac& header_mac) const {
  const auto parsed = wire::parse_channel_answer(in);
  if (const auto* more = std::get_if<wire::NeedMore>(&parsed)) return *more;
  if (const auto* bad = std::get_if<wire::Malformed>(&parsed)) return *bad;
  const auto& done = std::get<wire::Done<wire::Signed<wire::ChannelAnswer>>>(parsed);
  auto answer = keys_.verify_answer(done.value, header_mac);
  if (!answer) return wire::Malformed{answer.error().reason};
  return wire::Done<wire::ChannelAnswer>{std::move(*answer), done.consumed};
}

CarrierLoad AgentCarrier::load() const {
  const std::lock_guard lock(mutex_);
  return {.rtt = rtt(), .channels_ready = ready_.size(), .relays = relays_.used()};
}

}  // namespace fairlead::rendezvous
