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

SessionChannels::SessionChannels(AgentTools& tools, const wire::Welcome& welcome, SocketAddress data_address)
    : tools_(tools),
      keys_(std::make_shared<const core::ChannelKeys>(welcome.key, welcome.session_id)),
      address_(data_address),
      limits_{.connect_timeout = tools.config.limits.connect_timeout,
              .target_timeout = target_time(tools.config.limits.connect_timeout, welcome.answer_timeout_ms),
              .relay = {.idle_timeout = tools.config.limits.idle_timeout,
                        .half_close_timeout = tools.config.limits.half_close_timeout},
              .buffers = tools.memory.first_buffers(),
              .hello_max = tools.memory.hello_max(wire::kMaxChannelHello)},
      dialer_(static_cast<std::uint16_t>(tools.memory.pool_max(tools.config.pool.max)), tools.loop.now()),
      timer_([](void* self) { static_cast<SessionChannels*>(self)->dial(); }, this) {}

SessionChannels::~SessionChannels() {
  for (const auto& [number, channel] : channels_) {
    if (channel->share()) tools_.give_back(*channel->share());
  }
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
    auto channel = std::make_unique<DataChannel>(tools_.channel, *this, keys_, counter, limits_);
    channel->number = counter;
    DataChannel& started = *(channels_[counter] = std::move(channel));
    started.start(address_);
  }
  if (const auto again = dialer_.deadline(now)) tools_.loop.timers().arm(timer_, *again);
}

void SessionChannels::retire(Reason reason, std::function<void()> on_empty) {
  retired_ = true;
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
  if (channel.share()) tools_.give_back(*channel.share());
  const bool relayed = stage == Stage::bound && outcome.client_bytes + outcome.service_bytes > 0;
  (relayed || stage == Stage::ready ? tools_.counters.closed : tools_.counters.refused).add(outcome.reason);
  const bool ordinary = stage != Stage::bound || outcome.reason == Reason::completed;
  log(ordinary ? Level::debug : Level::warn, stage == Stage::bound ? "connection" : "data channel closed",
      {{"conn", stage == Stage::bound ? to_hex(channel.header().connection) : ""},
       {"service", channel.header().service},
       {"peer", stage == Stage::bound ? channel.header().caller.to_string() : ""},
       {"reason", reason_code(outcome.reason)},
       {"detail", detail},
       {"bytes_in", outcome.client_bytes},
       {"bytes_out", outcome.service_bytes}});
  const auto at = channels_.find(channel.number);
  tools_.loop.retire(std::move(at->second));
  channels_.erase(at);
  if (!retired_) return dial();
  if (channels_.empty() && on_empty_) on_empty_();
}

}  // namespace fairlead::agent
