#include "agent/session/session_channels.h"

#include <algorithm>

#include "common/base/log.h"

namespace fairlead::agent {
namespace {

// Our refusal must arrive before the rendezvous gives the connection to somebody else.
constexpr Duration kAnswerMargin = 250ms;
constexpr Duration kLeastTargetTime = 250ms;

Duration target_time(Duration connect_timeout, std::uint32_t answer_timeout_ms) {
  const Duration answer = std::chrono::milliseconds(answer_timeout_ms);
  return std::max(std::min(connect_timeout, answer - kAnswerMargin), kLeastTargetTime);
}

}  // namespace

SessionChannels::SessionChannels(AgentTools& tools, const wire::Welcome& welcome, SocketAddress data_address,
                                 TellEnded tell_ended)
    : tools_(tools),
      keys_(std::make_shared<const core::ChannelKeys>(welcome.key, welcome.session_id)),
      address_(data_address),
      answer_timeout_ms_(welcome.answer_timeout_ms),
      dialer_(static_cast<std::uint16_t>(tools.room.memory().pool_max(tools.config.pool.max)), tools.loop.now()),
      tell_ended_(std::move(tell_ended)),
      timer_([](void* self) { static_cast<SessionChannels*>(self)->dial(); }, this),
      held_timer_([](void* self) { static_cast<SessionChannels*>(self)->record_held(); }, this) {}

SessionChannels::~SessionChannels() {
  while (auto held = held_.take_any()) record(std::move(*held));
  for (const auto& [number, channel] : channels_) {
    if (channel->share()) tools_.room.give_back(*channel->share());
  }
}

// Of the configuration as it is now: a reload ends no session.
ChannelLimits SessionChannels::limits() const {
  const Limits& config = tools_.config.limits;
  return {.connect_timeout = config.connect_timeout,
          .target_timeout = target_time(config.connect_timeout, answer_timeout_ms_),
          .handshake_timeout = config.handshake_timeout,
          .relay = {.idle_timeout = config.idle_timeout, .half_close_timeout = config.half_close_timeout},
          .buffers = tools_.room.memory().first_buffers(),
          .hello_max = tools_.room.memory().hello_max(wire::kMaxChannelHello)};
}

void SessionChannels::open(std::uint16_t count) {
  dialer_.on_open_channels(count, tools_.loop.now());
  dial();
}

void SessionChannels::dial() {
  if (retired_) return;
  const TimePoint now = tools_.loop.now();
  for (auto left = dialer_.take_dials(now); left > 0; --left) {
    const std::uint64_t counter = last_counter_++;
    auto channel = std::make_unique<DataChannel>(tools_.service(), *this, keys_, counter, limits());
    channel->number = counter;
    DataChannel& started = *(channels_[counter] = std::move(channel));
    started.start(address_);
  }
  if (const auto again = dialer_.deadline(now)) tools_.loop.timers().arm(timer_, *again);
}

void SessionChannels::retire(Reason reason, std::function<void()> on_empty) {
  retired_ = true;
  tell_ended_ = nullptr;
  timer_.cancel();
  std::vector<DataChannel*> idle;
  for (const auto& [number, channel] : channels_) {
    if (!channel->bound()) idle.push_back(channel.get());
  }
  for (DataChannel* channel : idle) channel->close(reason);
  on_empty_ = std::move(on_empty);
}

void SessionChannels::close_all(Reason reason) {
  retired_ = true;
  on_empty_ = nullptr;  // whoever closes all knows
  timer_.cancel();
  std::vector<DataChannel*> all;
  for (const auto& [number, channel] : channels_) all.push_back(channel.get());
  for (DataChannel* channel : all) channel->close(reason);
}

void SessionChannels::keep_alive(Duration idle) {
  for (const auto& [number, channel] : channels_) channel->keep_alive(idle);
}

std::size_t SessionChannels::busy() const {
  return static_cast<std::size_t>(
      std::count_if(channels_.begin(), channels_.end(), [](const auto& each) { return each.second->bound(); }));
}

void SessionChannels::on_channel_ready(DataChannel& /*channel*/) {
  dialer_.on_ready();
}

void SessionChannels::on_channel_bound(DataChannel& /*channel*/) {
  dialer_.on_bound();
  dial();
}

const ServiceConfig* SessionChannels::find_service(const std::string& service) {
  const std::string_view label = std::string_view(service).substr(0, service.find('.'));
  const std::string_view cluster = std::string_view(service).substr(std::min(label.size() + 1, service.size()));
  if (!tools_.cluster.empty() && cluster != tools_.cluster) return nullptr;
  for (const ServiceConfig& each : tools_.config.services) {
    if (each.name == label) return &each;
  }
  return nullptr;
}

void SessionChannels::on_channel_ended(DataChannel& channel, Stage stage, const net::RelayOutcome& outcome,
                                       const std::string& detail) {
  const TimePoint now = tools_.loop.now();
  if (stage == Stage::dialing) dialer_.on_dial_failed(now, tools_.rng);
  if (stage == Stage::ready) dialer_.on_lost();
  if (channel.share()) tools_.room.give_back(*channel.share());
  if (stage == Stage::bound) {
    on_bound_ended({channel.header().connection, channel.header().service, channel.header().caller, channel.caller(),
                    detail, outcome, channel.relayed()});
  } else {
    (stage == Stage::ready ? tools_.counters.closed : tools_.counters.refused).add(outcome.reason);
    log(Level::debug, "data channel closed", {{"reason", reason_code(outcome.reason)}, {"detail", detail}});
  }
  const auto at = channels_.find(channel.number);
  tools_.loop.retire(std::move(at->second));
  channels_.erase(at);
  if (!retired_) return dial();
  if (channels_.empty() && on_empty_) on_empty_();
}

// A refusal went with the answer; of a relay each side sees what it sees.
void SessionChannels::on_bound_ended(End end) {
  if (!end.relayed) return record(std::move(end));
  const net::RelayOutcome& how = end.outcome;
  if (tell_ended_ && core::worth_telling(how.reason)) tell_ended_(end.connection, how.reason);
  if (core::doubtful(how.reason, how.client_bytes, how.service_bytes, how.lasted)) {
    held_.push(std::move(end), tools_.loop.now());
    return record_held();
  }
  record(std::move(end));
}

void SessionChannels::record_held() {
  while (auto held = held_.take_due(tools_.loop.now())) record(std::move(*held));
  if (const auto due = held_.deadline()) tools_.loop.timers().arm(held_timer_, *due);
}

void SessionChannels::record(End end) {
  const Reason reason = core::agreed(end.outcome.reason, words_.take(end.connection, tools_.loop.now()));
  (end.relayed ? tools_.counters.closed : tools_.counters.refused).add(reason);
  const bool ordinary = reason == Reason::completed || is_client_leave(reason);
  const Level level = ordinary ? Level::debug : Level::warn;
  if (!log_enabled(level)) return;  // for each connection: its fields are not made in vain
  log(level, "connection",
      {{"conn", to_hex(end.connection)},
       {"service", end.service},
       {"peer", end.peer.to_string()},
       {"caller", end.caller},
       {"reason", reason_code(reason)},
       {"detail", end.detail},
       {"bytes_in", end.outcome.client_bytes},
       {"bytes_out", end.outcome.service_bytes}});
}

}  // namespace fairlead::agent
