#include "tests/sim/sim_server.h"

#include <algorithm>

#include "common/core/overloaded.h"

namespace fairlead::sim {

using core::Overloaded;

SimServer::SimServer(Context& context) : context_(context) {}

SimServer::~SimServer() {
  alive_ = nullptr;
  for (const auto& [key, channel] : channels_) {
    if (channel->client && channel->client->outcome == Outcome::pending) channel->client->outcome = Outcome::lost;
    channel->connection->reset();
  }
  for (const auto& session : sessions_) {
    for (const auto& client : session->waiting) client->outcome = Outcome::lost;
    session->control->reset();
    session->challengers.clear();  // what refers to each other must let go
    session->ready.clear();
  }
}

void SimServer::accept(ConnectionPtr connection) {
  if (connection->purpose == Purpose::control) return accept_control(connection);
  const auto channel = std::make_shared<Channel>();
  channel->connection = connection;
  channel->deadline = context_.now() + 5s;
  channels_[connection->number] = channel;
  connection->attach(Side::server, {guarded([this, channel](ByteView bytes) { on_data(channel, bytes); }),
                                    guarded([this, channel] { on_channel_closed(channel); })});
  settle();
}

void SimServer::accept_control(const ConnectionPtr& connection) {
  const auto session = std::make_shared<Session>(context_.now());
  session->control = connection;
  sessions_.push_back(session);
  connection->attach(Side::server, {guarded([this, session](ByteView bytes) {
                                      session->core.receive(bytes, context_.now());
                                      settle();
                                    }),
                                    guarded([this, session] {
                                      end(session);
                                      settle();
                                    })});
  settle();
}

void SimServer::settle() {
  for (bool progress = true; progress;) {
    progress = false;
    for (const auto& session : std::vector(sessions_)) {
      if (!session->over) on_time(session);
      while (auto event = session->core.next_event()) {
        progress = true;
        on_event(session, *event);
      }
    }
  }
  std::vector<ChannelPtr> late;
  for (const auto& [key, channel] : channels_) {
    const bool waits = channel->state == ChannelState::opened || channel->state == ChannelState::taken;
    if (waits && context_.now() >= channel->deadline) late.push_back(channel);
  }
  for (const auto& channel : late) channel->state == ChannelState::taken ? try_next(channel) : close(channel);
  for (const auto& session : std::vector(sessions_)) flush(session);
  wake_later();
}

void SimServer::on_time(const SessionPtr& session) {
  const TimePoint now = context_.now();
  if (session->core.deadline() && *session->core.deadline() <= now) session->core.on_time(now);
  while (!session->waiting.empty() && now >= session->waiting.front()->started + kChannelWait) {
    finish(session->waiting.front(), Outcome::refused, Reason::channel_wait_timeout);
    session->waiting.pop_front();
  }
}

void SimServer::flush(const SessionPtr& session) {
  if (session->pool && !session->over) {
    for (int n = session->pool->surplus(context_.now()); n > 0; --n) {
      const ChannelPtr channel = session->ready.front();
      session->ready.pop_front();
      session->pool->on_lost(context_.now());
      close(channel);
    }
    session->core.open_channels(session->pool->take_ask(context_.now()));
  }
  session->control->send(Side::server, session->core.output());
  session->core.sent(session->core.output().size());
  if (session->core.finished()) end(session);
}

void SimServer::wake_later() {
  TimePoint next = TimePoint::max();
  for (const auto& session : sessions_) {
    if (const auto at = session->core.deadline()) next = std::min(next, *at);
    if (session->pool && session->pool->deadline()) next = std::min(next, *session->pool->deadline());
    if (!session->waiting.empty()) next = std::min(next, session->waiting.front()->started + kChannelWait);
  }
  for (const auto& [key, channel] : channels_) {
    if (channel->state == ChannelState::opened || channel->state == ChannelState::taken) {
      next = std::min(next, channel->deadline);
    }
  }
  if (next == TimePoint::max() || (next_wake_ > context_.now() && next >= next_wake_)) return;
  next_wake_ = next;
  context_.scheduler.at(next, guarded([this] { settle(); }));
}

void SimServer::on_event(const SessionPtr& session, core::ServerEvent& event) {
  using namespace core::server_event;
  std::visit(
      Overloaded{
          [&](HelloReceived& e) {
            session->claim = {e.hello.boot_id, e.hello.counter};
            session->name = session->control->host.identity + "/" + e.hello.endpoint;
            session->wish = {e.hello.pool_min, e.hello.pool_max};
            admit(session);
          },
          [&](RegisterRequested& e) {
            if (session->over) return;
            services_[e.request.service] = session;
            session->core.registered({e.request.claim, e.request.service, {}, {}, session->pool->target()});
          },
          [&](RttMeasured& e) { session->rtt = e.rtt; },
          [&](ProbeAnswered&) {
            for (const auto& challenger : std::exchange(session->challengers, {})) {
              challenger->core.refuse_session(Reason::duplicate_identity, core::kDuplicateRetryAfter, "");
            }
          },
          [&](Failed& e) {
            context_.ledger.require(e.reason != Reason::protocol_error, "an agent broke the protocol: " + e.detail);
            context_.ledger.require(excusable(*session->control, context_.now()), "a live agent was taken for dead");
            end(session);
          },
          [&](auto&) {},
      },
      event);
}

void SimServer::admit(const SessionPtr& session) {
  if (session->over) return;
  const auto held = names_.find(session->name);
  if (held == names_.end()) return welcome(session);
  switch (core::decide_takeover(held->second->claim, session->claim)) {
    case core::Takeover::replace:
      take_over(held->second);
      return welcome(session);
    case core::Takeover::refuse_stale:
      return session->core.refuse_session(Reason::superseded, 0s, "");
    case core::Takeover::probe_old:
      held->second->challengers.push_back(session);
      held->second->core.probe(context_.now(), context_.now() + core::kTakeoverProbe);
  }
}

void SimServer::welcome(const SessionPtr& session) {
  wire::Welcome welcome;
  context_.rng.fill(session->id);
  context_.rng.fill(welcome.key);
  welcome.session_id = session->id;
  session->keys.emplace(welcome.key, session->id);
  session->pool.emplace(session->wish, context_.now());
  names_[session->name] = session;
  session->core.welcome(welcome, context_.now());
}

// Drops the old session with its pool and tickets, not its relays.
void SimServer::take_over(SessionPtr old) {
  old->core.refuse_session(Reason::superseded, 0s, "");
  old->control->send(Side::server, old->core.output());
  old->core.sent(old->core.output().size());
  end(old);
}

void SimServer::end(SessionPtr session) {
  if (std::exchange(session->over, true)) return;
  session->control->close(Side::server);
  std::erase(sessions_, session);
  if (const auto held = names_.find(session->name); held != names_.end() && held->second == session) names_.erase(held);
  std::erase_if(services_, [&](const auto& entry) { return entry.second == session; });
  for (const auto& channel : std::exchange(session->ready, {})) close(channel);
  for (const auto& client : std::exchange(session->waiting, {}))
    finish(client, Outcome::refused, Reason::session_ended);
  for (const auto& challenger : std::exchange(session->challengers, {})) admit(challenger);
}

bool SimServer::at_rest() const {
  for (const auto& session : sessions_) {
    if (!session->pool || !session->waiting.empty() || !session->challengers.empty()) return false;
    if (session->pool->ready() != session->pool->target() || session->pool->opening() != 0) return false;
  }
  return channels_.size() == ready();
}

std::size_t SimServer::ready() const {
  std::size_t ready = 0;
  for (const auto& session : sessions_) ready += session->ready.size();
  return ready;
}

void SimServer::check() const {
  for (const auto& session : sessions_) {
    if (!session->pool) continue;
    context_.ledger.require(session->pool->ready() == session->ready.size(), "a pool lost count of its channels");
    context_.ledger.require(session->ready.size() <= session->wish.max, "a pool grew above the agent's max");
    context_.ledger.require(session->core.output().size() <= core::kMaxQueued, "an output queue grew above its limit");
  }
}

}  // namespace fairlead::sim
