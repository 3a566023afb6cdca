// The clients of SimServer: carries AttemptPlan out, as MeshConnection does with sockets.
#include "tests/sim/sim_server.h"

namespace fairlead::sim {

using rendezvous::Attempt;
using rendezvous::AttemptPlan;
using rendezvous::ChannelClaim;

constexpr Duration kAnswerTimeout = 2s;
const IpAddress kClientAddress = *IpAddress::parse("192.0.2.9");

void SimServer::connect(const ClientPtr& client) {
  const AttemptPlan::Times times{kChannelWait, kAnswerTimeout, started_ + rendezvous::kStartupGrace};
  const auto caller = std::make_shared<Caller>(
      Caller{client, AttemptPlan(times, client->started, AttemptPlan::Repeat::anywhere), ++last_caller_});
  callers_[caller->number] = caller;
  route(caller);
}

void SimServer::route(const CallerPtr& caller) {
  const auto route = snapshot_->route(caller->client->service, {});
  follow(caller, caller->plan.on_route(route, kClientAddress, context_.now(), context_.rng));
}

void SimServer::follow(const CallerPtr& caller, AttemptPlan::Step step) {
  if (auto* attempt = std::get_if<Attempt>(&step)) {
    caller->attempt = std::move(*attempt);
    return claim(caller);
  }
  if (const auto* again = std::get_if<AttemptPlan::RouteAgain>(&step)) return wait_until(caller, again->at);
  finish(caller, Outcome::refused, std::get<AttemptPlan::GiveUp>(step).reason);
}

void SimServer::claim(const CallerPtr& caller) {
  const auto claim = caller->attempt.endpoint->carrier->claim_or_wait(item(caller->number), context_.now());
  switch (claim.kind) {
    case ChannelClaim::Kind::taken:
      return ask(caller, channels_.at(claim.channel.number));
    case ChannelClaim::Kind::ended:
      return fail_attempt(caller, Reason::no_endpoint);
    case ChannelClaim::Kind::waiting:
      caller->state = CallerState::waiting;
      return wait_until(caller, caller->plan.channel_due(context_.now()));
  }
}

void SimServer::ask(const CallerPtr& caller, const ChannelPtr& channel) {
  const auto& carrier = *caller->attempt.endpoint->carrier;
  const auto& client = *caller->client;
  caller->state = CallerState::asking;
  caller->channel = channel;
  caller->plan.on_request_sent();
  wait_until(caller, caller->plan.answer_due(context_.now(), carrier.rtt()));
  caller->client->limit = std::max(client.limit, caller->due);

  wire::ChannelHeader header;
  header.counter = channel->counter;
  header.connection = client.id;
  header.service = caller->attempt.endpoint->service;
  header.sni = client.service;
  context_.rng.fill(header.nonce);
  core::SealedHeader sealed = carrier.make_header(header, client.hello);
  header.session = channel->carrier->description().id;
  context_.ledger.header_made(sealed.mac, header);
  channel->header_mac = sealed.mac;
  channel->caller = caller->number;
  channel->state = ChannelState::asked;
  sealed.bytes.insert(sealed.bytes.end(), client.hello.begin(), client.hello.end());
  channel->connection->send(Side::server, sealed.bytes);
}

void SimServer::wait_until(const CallerPtr& caller, TimePoint due) {
  caller->due = due;
  context_.scheduler.at(due, guarded([this, caller, due] {
                          if (caller->due == due && callers_.contains(caller->number)) on_time(caller);
                        }));
}

void SimServer::on_time(const CallerPtr& caller) {
  switch (caller->state) {
    case CallerState::routing:
      return route(caller);
    case CallerState::waiting:
      caller->attempt.endpoint->carrier->stop_waiting(item(caller->number));
      caller->attempt.endpoint->carrier->probe();
      return fail_attempt(caller, Reason::channel_wait_timeout);
    case CallerState::asking:
      return on_channel_dead(caller);
  }
}

void SimServer::on_channel_dead(const CallerPtr& caller) {
  caller->attempt.endpoint->carrier->probe();
  follow(caller, caller->plan.on_silent(leave_attempt(caller), context_.now(), context_.rng));
}

void SimServer::on_unbelievable(const CallerPtr& caller, Reason why) {
  follow(caller, caller->plan.on_unbelievable(leave_attempt(caller), why, context_.now(), context_.rng));
}

void SimServer::fail_attempt(const CallerPtr& caller, Reason why) {
  follow(caller, caller->plan.on_failed(leave_attempt(caller), why, context_.now(), context_.rng));
}

Attempt SimServer::leave_attempt(const CallerPtr& caller) {
  caller->due = {};
  caller->state = CallerState::routing;
  if (caller->channel) close(std::exchange(caller->channel, nullptr));
  return std::move(caller->attempt);
}

void SimServer::finish(const CallerPtr& caller, Outcome outcome, Reason reason) {
  context_.ledger.require(callers_.erase(caller->number) == 1, "a client got two outcomes");
  caller->due = {};
  caller->client->outcome = outcome;
  caller->client->reason = reason;
}

}  // namespace fairlead::sim
