#include "rendezvous/relay/worker.h"

#include <algorithm>

#include "common/core/relay_verdict.h"
#include "common/front/refusal_alert.h"

namespace fairlead::rendezvous {
namespace {

// No agent says more, post-quantum key shares included; what waits for its handshake is held in memory.
constexpr std::size_t kMostOwnHello = 16 * 1024;
constexpr Duration kChannelAge = 15min;  // +-20 %: channels that came together must not leave together

}  // namespace

Worker::Worker(unsigned index, Shared& shared, const Limits& limits, std::uint64_t seed, ToControl to_control)
    : index_(index),
      shared_(shared),
      limits_(limits),
      rng_(seed),
      to_control_(std::move(to_control)),
      routes_(shared.routes),
      poller_(loop_),
      pipes_(shared.large_pipes, shared.most_pipes),
      farewells_(poller_, shared.most_farewells),
      lobby_(shared.gauges.unclassified, shared.gauges.unclassified_per_source),
      stuck_(loop_, shared.relay_budget),
      unproved_(shared.gauges.unproved_per_source,
                [this](std::uint64_t number, Reason reason) { close_unproved(number, reason); }) {}

Worker::~Worker() = default;

void Worker::listen(net::Fd fd, const ListenerRules& rules) {
  rules_.push_back(std::make_unique<ListenerRules>(rules));
  const ListenerRules& kept = *rules_.back();
  if (rules.accept.ticket) net::pace_keep_alive(fd.get(), kChannelKeepAlive);
  listeners_.push_back(std::make_unique<Listener>(
      poller_, std::move(fd), [this, &kept](net::AcceptedSocket accepted) { on_accept(std::move(accepted), kept); },
      [this] { refuse_accepted(Reason::server_full, {}); }));
}

Result<void> Worker::start() {
  auto thread = net::start_thread([this] { loop_.run(); });
  if (!thread) return tl::unexpected(thread.error());
  thread_ = std::move(*thread);
  return {};
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::stop_listening() {
  for (const auto& listener : listeners_) listener->drain_queue();
  listeners_.clear();
}

void Worker::shut_down() {
  listeners_.clear();
  for (const auto number : inbounds_.numbers()) leave_lobby(*inbounds_.find(number));
  for (const auto number : mesh_.numbers()) {
    if (auto* connection = mesh_.find(number)) connection->close(Reason::shutting_down);
  }
  for (const auto number : relays_.numbers()) {
    if (auto* relay = relays_.find(number)) relay->close(Reason::shutting_down);
  }
  for (const auto number : channels_.numbers()) channels_.take(number);
  loop_.stop();
}

void Worker::refuse_accepted(Reason reason, const SocketAddress& peer, const std::string& name) {
  shared_.counters.refused.add(reason);
  shared_.access_log.write({.reason = reason, .peer = peer.to_string(), .service = name});
}

void Worker::on_accept(net::AcceptedSocket accepted, const ListenerRules& rules) {
  if (!rules.proxy_from.empty()) {
    const bool trusted = std::any_of(rules.proxy_from.begin(), rules.proxy_from.end(),
                                     [&](const Cidr& cidr) { return cidr.contains(accepted.peer.ip); });
    if (!trusted) return refuse_accepted(Reason::proxy_source_untrusted, accepted.peer);
  }
  Inbound& inbound =
      inbounds_.add(std::make_unique<Inbound>(*this, poller_, std::move(accepted.fd), accepted.peer, rules,
                                              front::Limits{limits_.classify_bytes, limits_.classify_timeout}));
  const std::uint64_t number = inbound.number;
  inbound.start();
  if (inbounds_.find(number) == nullptr) return;  // it said what it is at once
  const auto sources = rules.proxy_from.empty() ? front::Lobby::Sources::counted : front::Lobby::Sources::trusted;
  for (const front::Lobby::Shed& shed : lobby_.enter(number, accepted.peer.ip, sources)) {
    on_turned_away(*inbounds_.find(shed.number), shed.reason);
  }
}

void Worker::leave_lobby(Inbound& inbound) {
  lobby_.leave(inbound.number);
  retire(inbounds_, inbound.number);
}

void Worker::on_opened(Inbound& inbound, front::Opening::Outcome outcome) {
  if (const auto* reason = std::get_if<Reason>(&outcome)) return on_turned_away(inbound, *reason);
  auto& asks = std::get<front::Opened>(outcome).asks;
  if (auto* hello = std::get_if<wire::ClientHello>(&asks)) return on_client_hello(inbound, std::move(*hello));
  if (const auto* ticket = std::get_if<wire::Signed<wire::Ticket>>(&asks)) return on_ticket(inbound, *ticket);
  on_turned_away(inbound, Reason::not_accepted_here);  // liveness dials are for agents
}

void Worker::on_turned_away(Inbound& inbound, Reason reason) {
  if (reason == Reason::health_check) {
    shared_.counters.closed.add(reason);  // nobody was turned away
  } else {
    refuse_accepted(reason, inbound.peer());
  }
  leave_lobby(inbound);
}

void Worker::on_client_hello(Inbound& inbound, wire::ClientHello hello) {
  const bool fixed = !inbound.rules().service.empty();
  if (!fixed && routes_.current().route(hello.server_name.value_or(""), hello.alpn).kind == Route::Kind::own) {
    Bytes bytes = inbound.take_bytes();
    if (bytes.size() > kMostOwnHello) {
      refuse_accepted(Reason::classify_too_long, inbound.peer());
      farewell(inbound.take_polled(), Reason::classify_too_long);
    } else {
      to_control_({inbound.take_fd(), std::move(bytes), inbound.peer()});
    }
  } else {
    start_mesh(inbound, std::move(hello));
  }
  leave_lobby(inbound);
}

void Worker::start_mesh(Inbound& inbound, wire::ClientHello hello) {
  const SocketAddress peer = inbound.peer();
  net::PolledFd fd = inbound.take_polled();
  const bool early = hello.early_data;
  MeshClient client{.fd = {},
                    .bytes = inbound.take_bytes(),
                    .hello = std::move(hello),
                    .fixed_service = inbound.rules().service,
                    .caller = {},
                    .plan = AttemptPlan({.channel_wait = limits_.channel_wait,
                                         .answer_timeout = limits_.answer_timeout,
                                         .agents_back = shared_.started + kStartupGrace},
                                        inbound.accepted(),
                                        early ? AttemptPlan::Repeat::same_endpoint : AttemptPlan::Repeat::anywhere)};
  const auto refuse = [&](Reason reason) {
    refuse_accepted(reason, peer, client.hello.server_name.value_or(client.fixed_service));
    farewell(std::move(fd), reason);
  };
  if (client.bytes.size() > wire::kMaxChannelHello) return refuse(Reason::classify_too_long);
  auto relay = shared_.gauges.relays.take();
  if (!relay) return refuse(Reason::server_full);
  auto source = shared_.gauges.relays_per_source.take(peer.ip);
  if (!source) return refuse(Reason::relays_per_source);
  client.caller.relay = std::move(*relay);
  client.caller.source = std::move(*source);
  client.caller.peer = peer;
  client.caller.accepted = inbound.accepted();
  rng_.fill(client.caller.id);
  mesh_.add(std::make_unique<MeshConnection>(*this, std::move(fd), std::move(client))).start();
}

void Worker::on_ticket(Inbound& inbound, const wire::Signed<wire::Ticket>& ticket) {
  auto session = shared_.sessions.find(ticket.fields.session);
  const auto admitted =
      session ? session->admit_ticket(ticket) : Result<void>(fail(Reason::ticket_unknown_session, "no such session"));
  if (!admitted) return on_turned_away(inbound, admitted.error().reason);
  auto place = shared_.gauges.channels.take();
  if (!place) return on_turned_away(inbound, Reason::server_full);
  const auto counter = ticket.fields.counter;
  const unsigned home = session->home_of(index_, static_cast<unsigned>(shared_.workers.size()));
  if (home == index_) {
    hold_channel(inbound.take_polled(), session, counter, inbound.peer(), std::move(*place));
  } else {
    Worker* other = shared_.workers[home];
    other->post(
        [other, fd = inbound.take_fd(), session, counter, peer = inbound.peer(), place = std::move(*place)]() mutable {
          other->hold_channel(net::PolledFd(other->poller_, std::move(fd), other->unwatched_), session, counter, peer,
                              std::move(place));
        });
  }
  leave_lobby(inbound);
}

void Worker::hold_channel(net::PolledFd fd, const std::shared_ptr<AgentCarrier>& session, std::uint64_t counter,
                          const SocketAddress& peer, GaugeToken place) {
  const Duration age =
      kChannelAge * 4 / 5 + Duration(static_cast<Duration::rep>(rng_.below(kChannelAge.count() * 2 / 5)));
  ReadyChannel& channel =
      channels_.add(std::make_unique<ReadyChannel>(*this, poller_, std::move(fd), session, counter, age));
  channel.hold(std::move(place));
  const WorkerItem item{index_, channel.number};
  const auto ready = session->add_ready(item, loop_.now());
  if (!ready) {
    channels_.take(item.number);
    return refuse_accepted(ready.error().reason, peer);
  }
  if (*ready) hand_to_waiter(**ready, item, session);
}

// The channel is reserved for a client that waits, here or at another worker.
void Worker::hand_to_waiter(WorkerItem waiter, WorkerItem channel, const std::shared_ptr<AgentCarrier>& session) {
  if (waiter.worker == index_) return offer_channel(waiter.number, channel, *session);
  Worker* other = shared_.workers[waiter.worker];
  other->post([other, waiter, channel, session] { other->offer_channel(waiter.number, channel, *session); });
}

void Worker::offer_channel(std::uint64_t client, WorkerItem channel, const Carrier& carrier) {
  MeshConnection* connection = mesh_.find(client);
  if (connection != nullptr && connection->waits_for(carrier)) return connection->on_channel_ready(channel);
  if (channel.worker == index_) return release_channel(channel.number);
  Worker* other = shared_.workers[channel.worker];
  other->post([other, number = channel.number] { other->release_channel(number); });
}

// The client that it was reserved for has gone: it is ready again.
void Worker::release_channel(std::uint64_t number) {
  ReadyChannel* channel = channels_.find(number);
  if (channel == nullptr) return;
  auto session = channel->shared_session();
  const auto ready = session->add_ready({index_, number}, loop_.now());
  if (!ready) return close_channel(number, ready.error().reason);
  if (*ready) hand_to_waiter(**ready, {index_, number}, session);
}

void Worker::close_channel(std::uint64_t number, Reason reason) {
  if (channels_.find(number) == nullptr) return;
  shared_.counters.closed.add(reason);
  retire(channels_, number);
}

void Worker::on_channel_ended(ReadyChannel& channel, Reason reason) {
  // One that is reserved for a client stays until that client comes for it: it finds it dead then.
  if (channel.session().remove_ready({index_, channel.number}, loop_.now()) || reason == Reason::channel_died) {
    close_channel(channel.number, reason);
  }
}

std::optional<ClaimedChannel> Worker::take_channel(std::uint64_t number) {
  const auto channel = channels_.take(number);
  if (!channel) return std::nullopt;
  return ClaimedChannel{channel->take_fd(), channel->ticket_counter()};
}

void Worker::session_ended(std::uint64_t waiting_client) {
  MeshConnection* connection = mesh_.find(waiting_client);
  if (connection != nullptr && connection->waiting()) connection->on_session_ended();
}

void Worker::adopt(MeshClient client, Attempt attempt, std::uint64_t channel) {
  mesh_.add(std::make_unique<MeshConnection>(*this, std::move(client))).start_with(std::move(attempt), channel);
}

void Worker::on_mesh_moves(MeshConnection& connection, MeshClient client, Attempt attempt, WorkerItem channel) {
  Worker* other = shared_.workers[channel.worker];
  other->post([other, client = std::move(client), attempt = std::move(attempt), number = channel.number]() mutable {
    other->adopt(std::move(client), std::move(attempt), number);
  });
  retire(mesh_, connection.number);
}

void Worker::on_mesh_accepted(MeshConnection& connection, Accepted accepted) {
  shared_.counters.relays_total.fetch_add(1, std::memory_order_relaxed);
  shared_.counters.bytes_in.fetch_add(accepted.sent_ahead, std::memory_order_relaxed);
  const IpAddress source = accepted.who.peer.ip;
  LiveRelay& relay =
      relays_.add(std::make_unique<LiveRelay>(*this, net::RelayTools{poller_, pipes_, farewells_, &stuck_},
                                              net::RelayLimits{.idle_timeout = limits_.idle_timeout,
                                                               .half_close_timeout = limits_.half_close_timeout,
                                                               .first_flight_timeout = limits_.first_flight_timeout},
                                              std::move(accepted)));
  unproved_.enter(relay.number, source, relay.who().service);
  retire(mesh_, connection.number);
  end_if_revoked(relay);
}

void Worker::on_live_relay_proved(LiveRelay& relay) {
  unproved_.leave(relay.number);
}

void Worker::close_unproved(std::uint64_t number, Reason reason) {
  if (LiveRelay* relay = relays_.find(number)) relay->close(reason);
}

// Whoever only says hello keeps nobody out.
tl::expected<ServiceRoom::Token, Reason> Worker::take_service_place(const std::string& service,
                                                                    const IpAddress& source) {
  ServiceRoom& room = shared_.gauges.relays_per_service;
  auto place = room.take(service, source);
  if (place || place.error() != Reason::relays_per_service || !unproved_.close_oldest_of(service)) return place;
  return room.take(service, source);
}

void Worker::on_mesh_turned_away(MeshConnection& connection, net::PolledFd client, MeshClient who, Reason reason) {
  shared_.counters.refused.add(reason);
  const MeshCaller& caller = who.caller;
  record(caller, caller.service.empty() ? who.hello.server_name.value_or("") : caller.service, nullptr,
         {.reason = reason, .client_bytes = 0, .service_bytes = 0, .lasted = loop_.now() - caller.accepted});
  if (reason != Reason::client_closed) farewell(std::move(client), reason);
  retire(mesh_, connection.number);
}

void Worker::on_live_relay_ended(LiveRelay& relay, const net::RelayOutcome& ended) {
  unproved_.leave(relay.number);
  const net::RelayOutcome outcome = judge(relay.attempt(), ended);
  shared_.counters.bytes_in.fetch_add(outcome.client_bytes, std::memory_order_relaxed);
  shared_.counters.bytes_out.fetch_add(outcome.service_bytes, std::memory_order_relaxed);
  ends_.on_ended(relay.who().id, relay.attempt().endpoint->carrier, outcome,
                 [&] { return access_line(relay.who(), relay.who().service, &relay.attempt(), outcome); });
  retire(relays_, relay.number);
}

// What its clients get decides how an endpoint is chosen, not what its agent says.
net::RelayOutcome Worker::judge(const Attempt& attempt, net::RelayOutcome outcome) const {
  const core::RelayEnd end{outcome.reason, outcome.client_bytes, outcome.service_bytes, outcome.lasted};
  outcome.reason = core::reason_told(end);
  switch (core::judge_relay(end)) {
    case core::RelayVerdict::served:
      attempt.endpoint->load->on_served(loop_.now());
      break;
    case core::RelayVerdict::nothing:
      attempt.endpoint->load->on_came_to_nothing(loop_.now(), outcome.reason);
      break;
    case core::RelayVerdict::neither:
      break;
  }
  return outcome;
}

void Worker::farewell(net::PolledFd fd, Reason reason) {
  farewells_.say(std::move(fd), wire::tls_alert(front::alert_of(reason)));
}

void Worker::record(const MeshCaller& who, const std::string& service, const Attempt* attempt,
                    const net::RelayOutcome& outcome) {
  if (!shared_.access_log.wants(outcome.reason)) return;
  shared_.access_log.write(access_line(who, service, attempt, outcome));
}

AccessRecord Worker::access_line(const MeshCaller& who, const std::string& service, const Attempt* attempt,
                                 const net::RelayOutcome& outcome) {
  AccessRecord line{.reason = outcome.reason, .conn = to_hex(who.id), .peer = who.peer.to_string()};
  line.service = service;
  if (attempt != nullptr) {
    line.endpoint = attempt->endpoint->name;
    line.agent = attempt->endpoint->spiffe_id;
  }
  line.bytes_in = outcome.client_bytes;
  line.bytes_out = outcome.service_bytes;
  line.lasted = outcome.lasted;
  return line;
}

void Worker::replace_revoked(std::set<std::string> ids) {
  revoked_ = std::move(ids);
  for (const auto number : relays_.numbers()) {
    LiveRelay* const relay = relays_.find(number);
    if (relay != nullptr) end_if_revoked(*relay);
  }
}

void Worker::end_if_revoked(LiveRelay& relay) {
  if (revoked_.contains(relay.attempt().endpoint->spiffe_id)) relay.close(Reason::identity_revoked);
}

Listing<RelaySummary> Worker::relays(std::size_t limit) const {
  Listing<RelaySummary> out{{}, relays_.size()};
  for (const auto number : relays_.numbers()) {
    if (out.rows.size() >= limit) break;
    const LiveRelay& relay = *relays_.find(number);
    out.rows.push_back({to_hex(relay.who().id), relay.attempt().endpoint->service, relay.attempt().endpoint->name,
                        relay.who().peer.to_string(), relay.who().accepted});
  }
  return out;
}

}  // namespace fairlead::rendezvous
