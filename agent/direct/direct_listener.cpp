#include "agent/direct/direct_listener.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/front/refusal_alert.h"

namespace fairlead::agent {
namespace {

constexpr std::string_view kPath = "direct";

// What a client does to itself is no concern of this host's owner.
bool is_peer_noise(Reason reason) {
  return reason == Reason::completed || is_client_leave(reason) || reason == Reason::shutting_down;
}

}  // namespace

DirectLimits direct_limits(const MemoryBudget& memory, const DescriptorPlan& descriptors) {
  DirectLimits limits;
  limits.unclassified = std::min(memory.callers_max(limits.unclassified), descriptors.callers);
  limits.unclassified_per_source = std::min(limits.unclassified_per_source, limits.unclassified);
  limits.classify.classify_bytes = memory.hello_max(limits.classify.classify_bytes);
  limits.verify.at_a_time = memory.checks_max(limits.verify.at_a_time);
  return limits;
}

DirectListener::DirectListener(AgentTools& tools, DirectOptions options, KeyFinder& keys)
    : tools_(tools),
      options_(std::move(options)),
      rules_{.accept = {.tls = true, .ticket = false, .verify = true}, .proxy_from = {}, .service = ""},
      unclassified_(options_.limits.unclassified),
      unclassified_per_source_(options_.limits.unclassified_per_source),
      relays_per_source_(options_.limits.relays_per_source),
      lobby_(unclassified_, unclassified_per_source_),
      verify_(tools.channel.poller, tools.channel.farewells, tools.counters, keys, options_.rendezvous_id,
              options_.limits.verify) {}

DirectListener::~DirectListener() {
  for (const auto& [number, connection] : connections_) tools_.room.give_back(connection->share());
}

Result<void> DirectListener::open() {
  return bind(options_.listen);
}

bool DirectListener::open_missing() {
  std::vector<SocketAddress> wanted;
  for (const LeftOut& each : missing_) wanted.push_back(each.address);
  return !wanted.empty() && bind(wanted).has_value();
}

Result<void> DirectListener::bind(const std::vector<SocketAddress>& wanted) {
  missing_.clear();
  auto bound = bind_listeners(wanted, options_.name, &missing_);
  if (!bound) return tl::unexpected(bound.error());
  for (BoundSocket& each : *bound) {
    net::limit_buffers(each.fd.get(), tools_.room.memory().first_buffers());  // whoever is accepted inherits them
    listen(each.address, std::move(each.fd));
  }
  return {};
}

void DirectListener::listen(const SocketAddress& bound, net::Fd fd) {
  log(Level::info, "listening for direct connections", {{"address", bound.to_string()}});
  doors_.push_back({bound, std::make_unique<front::Listener>(
                               tools_.channel.poller, std::move(fd),
                               [this](net::AcceptedSocket accepted) { on_accept(std::move(accepted)); },
                               [this] { count_refused({}, Reason::server_full); })});
}

std::vector<SocketAddress> DirectListener::addresses() const {
  std::vector<SocketAddress> out;
  for (const Door& door : doors_) out.push_back(door.address);
  return out;
}

void DirectListener::set_services(std::vector<ConfirmedService> services) {
  services_.replace(std::move(services), tools_.loop.now());
}

void DirectListener::replace_credentials(std::shared_ptr<const tls::Credentials> credentials, tls::WallClock clock) {
  verify_.replace_credentials(std::move(credentials), std::move(clock));
}

void DirectListener::on_accept(net::AcceptedSocket accepted) {
  ++accepted_;
  auto inbound = std::make_unique<front::Inbound>(*this, tools_.channel.poller, std::move(accepted.fd), accepted.peer,
                                                  rules_, options_.limits.classify);
  front::Inbound& started = *inbound;
  const std::uint64_t number = started.number = ++last_number_;
  inbounds_[number] = std::move(inbound);
  started.start();
  if (!inbounds_.contains(number)) return;  // it said what it is at once
  for (const front::Lobby::Shed& shed : lobby_.enter(number, accepted.peer.ip, front::Lobby::Sources::counted)) {
    on_turned_away(*inbounds_.at(shed.number), shed.reason);
  }
}

void DirectListener::on_opened(front::Inbound& inbound, front::Opening::Outcome outcome) {
  if (const auto* reason = std::get_if<Reason>(&outcome)) return on_turned_away(inbound, *reason);
  auto& asks = std::get<front::Opened>(outcome).asks;
  if (auto* hello = std::get_if<wire::ClientHello>(&asks)) return on_client_hello(inbound, std::move(*hello));
  if (const auto* dial = std::get_if<wire::Signed<wire::VerifyRequest>>(&asks)) return on_verify(inbound, *dial);
  on_turned_away(inbound, Reason::not_accepted_here);  // tickets are for a rendezvous
}

void DirectListener::on_client_hello(front::Inbound& inbound, wire::ClientHello hello) {
  const route::Route route = services_.route(hello.server_name.value_or(""), hello.alpn);
  switch (route.kind) {
    case route::Route::Kind::service:
      return serve(inbound, std::move(hello), route);
    case route::Route::Kind::own:
      if (!VerifyResponder::asks_for_check(hello.alpn)) return refuse(inbound, Reason::unknown_name);
      verify_.begin_check(inbound.take_fd(), inbound.peer(), inbound.take_bytes());
      return retire(inbound);
    case route::Route::Kind::unknown:
    case route::Route::Kind::refused:
      return refuse(inbound, route.reason);
  }
}

void DirectListener::serve(front::Inbound& inbound, wire::ClientHello hello, const route::Route& route) {
  const SocketAddress peer = inbound.peer();
  const ConfirmedService* service = nullptr;
  for (const route::EndpointPtr& candidate : route.candidates()) {
    if (service == nullptr && candidate->allows(peer.ip)) service = services_.find(*candidate);
  }
  if (service == nullptr) return refuse(inbound, Reason::source_denied);
  auto source = relays_per_source_.take(peer.ip);
  if (!source) return refuse(inbound, Reason::relays_per_source);
  const auto share = tools_.room.take(service->config.tls, service->config.protocol);
  if (!share) return refuse(inbound, share.error().reason);
  DirectClient client{.fd = inbound.take_polled(),
                      .bytes = inbound.take_bytes(),
                      .hello = std::move(hello),
                      .peer = peer,
                      .accepted = inbound.accepted(),
                      .source = std::move(*source)};
  if (share->buffers != tools_.room.memory().first_buffers()) net::limit_buffers(client.fd.get(), share->buffers);
  tools_.rng.fill(client.id);
  retire(inbound);
  const auto& limits = tools_.config.limits;
  const net::RelayLimits relay{.idle_timeout = limits.idle_timeout,
                               .half_close_timeout = limits.half_close_timeout,
                               .first_flight_timeout = limits.first_flight_timeout};
  auto connection = std::make_unique<DirectConnection>(tools_.service(), *this, std::move(client), *service,
                                                       ServiceTerms{.reach_within = limits.connect_timeout,
                                                                    .handshake_within = limits.handshake_timeout,
                                                                    .relay = share->within(relay),
                                                                    .share = *share});
  DirectConnection& started = *connection;
  started.number = ++last_number_;
  connections_[started.number] = std::move(connection);
  started.start();
}

void DirectListener::on_verify(front::Inbound& inbound, const wire::Signed<wire::VerifyRequest>& request) {
  verify_.answer(inbound.take_fd(), inbound.peer(), request);  // the request's bytes are still the inbound's
  retire(inbound);
}

void DirectListener::on_turned_away(front::Inbound& inbound, Reason reason) {
  count_refused(inbound.peer(), reason);
  retire(inbound);
}

void DirectListener::refuse(front::Inbound& inbound, Reason reason) {
  count_refused(inbound.peer(), reason);
  tools_.channel.farewells.say(inbound.take_fd(), wire::tls_alert(front::alert_of(reason)));
  retire(inbound);
}

// Anybody may knock at this port: counted, and told only to those who debug.
void DirectListener::count_refused(const SocketAddress& peer, Reason reason) {
  tools_.counters.refused.add(reason);
  log(Level::debug, "connection refused",
      {{"path", kPath}, {"peer", peer.to_string()}, {"reason", reason_code(reason)}});
}

void DirectListener::on_direct_ended(DirectConnection& connection, const net::RelayOutcome& outcome,
                                     const std::string& detail) {
  tools_.room.give_back(connection.share());
  const bool relayed = outcome.client_bytes + outcome.service_bytes > 0;
  (relayed ? tools_.counters.closed : tools_.counters.refused).add(outcome.reason);
  if (const Level level = is_peer_noise(outcome.reason) ? Level::debug : Level::warn; log_enabled(level)) {
    log(level, "connection",
        {{"conn", to_hex(connection.client().id)},
         {"path", kPath},
         {"service", connection.service()},
         {"endpoint", connection.endpoint()},
         {"peer", connection.client().peer.to_string()},
         {"caller", connection.caller()},
         {"reason", reason_code(outcome.reason)},
         {"detail", detail},
         {"bytes_in", outcome.client_bytes},
         {"bytes_out", outcome.service_bytes}});
  }
  const auto at = connections_.find(connection.number);
  tools_.loop.retire(std::move(at->second));
  connections_.erase(at);
}

void DirectListener::retire(front::Inbound& inbound) {
  lobby_.leave(inbound.number);
  const auto at = inbounds_.find(inbound.number);
  tools_.loop.retire(std::move(at->second));
  inbounds_.erase(at);
}

void DirectListener::drop_inbounds() {
  for (const auto& [number, inbound] : inbounds_) lobby_.leave(number);
  inbounds_.clear();
}

void DirectListener::close_idle() {
  // Who was let in by the kernel before the end gets an answer.
  for (const Door& door : doors_) door.listener->drain_queue();
  doors_.clear();
  drop_inbounds();
  verify_.close_all();
}

void DirectListener::shut_down(Reason reason) {
  doors_.clear();
  drop_inbounds();
  verify_.close_all();
  while (!connections_.empty()) connections_.begin()->second->close(reason);
}

}  // namespace fairlead::agent
