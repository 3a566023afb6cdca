// The data channels and clients of SimServer.
#include <algorithm>

#include "tests/sim/sim_server.h"

namespace fairlead::sim {

void SimServer::on_data(const ChannelPtr& channel, ByteView bytes) {
  channel->in.insert(channel->in.end(), bytes.begin(), bytes.end());
  switch (channel->state) {
    case ChannelState::opened:
      on_ticket(channel);
      break;
    case ChannelState::ready:
      close(channel);  // an idle channel that speaks is dead
      break;
    case ChannelState::taken:
      on_answer(channel);
      break;
    case ChannelState::relaying:
      break;
  }
  settle();
}

void SimServer::on_ticket(const ChannelPtr& channel) {
  const auto parsed = wire::parse_ticket(channel->in);
  if (std::holds_alternative<wire::NeedMore>(parsed)) return;
  const auto* done = std::get_if<1>(&parsed);
  if (done == nullptr) return close(channel);
  const auto session = std::find_if(sessions_.begin(), sessions_.end(), [&](const SessionPtr& s) {
    return s->keys && s->id == done->value.fields.session;
  });
  if (session == sessions_.end()) return close(channel);
  const auto counter = (*session)->keys->verify_ticket(done->value);
  if (!counter || !(*session)->window.accept(*counter)) return close(channel);
  context_.ledger.ticket_accepted(Bytes(channel->in.begin(), channel->in.begin() + done->consumed));
  if (channel->in.size() > done->consumed) return close(channel);
  if (!(*session)->pool->on_ready(context_.now())) return close(channel);

  channel->in.clear();
  channel->counter = *counter;
  channel->session = *session;
  channel->state = ChannelState::ready;
  (*session)->ready.push_back(channel);
  if ((*session)->waiting.empty()) return;
  const ClientPtr client = (*session)->waiting.front();
  (*session)->waiting.pop_front();
  hand_over(*session, client);
}

void SimServer::on_channel_closed(const ChannelPtr& channel) {
  switch (channel->state) {
    case ChannelState::opened:
    case ChannelState::ready:
      close(channel);
      break;
    case ChannelState::taken:
      try_next(channel);
      break;
    case ChannelState::relaying:
      context_.ledger.require(channel->connection->harmed(), "a live relay was cut");
      close(channel);
      break;
  }
  settle();
}

void SimServer::close(ChannelPtr channel) {
  channel->connection->close(Side::server);
  channels_.erase(channel->connection->number);
  if (channel->state != ChannelState::ready) return;
  if (std::erase(channel->session->ready, channel) > 0) channel->session->pool->on_lost(context_.now());
}

void SimServer::connect(const ClientPtr& client) {
  take(client);
  settle();
}

void SimServer::take(const ClientPtr& client) {
  const auto found = services_.find(client->service);
  if (found == services_.end()) return finish(client, Outcome::refused, Reason::no_endpoint);
  const SessionPtr session = found->second;
  if (!session->ready.empty()) return hand_over(session, client);
  if (context_.now() >= client->started + kChannelWait) {
    return finish(client, Outcome::refused, Reason::channel_wait_timeout);
  }
  session->pool->on_empty(context_.now());
  const auto after = std::find_if(session->waiting.begin(), session->waiting.end(),
                                  [&](const ClientPtr& other) { return other->started > client->started; });
  session->waiting.insert(after, client);
}

void SimServer::hand_over(const SessionPtr& session, const ClientPtr& client) {
  const ChannelPtr channel = session->ready.front();
  session->ready.pop_front();
  session->pool->on_taken(context_.now());
  const Duration patience = std::max<Duration>(2s, 3 * session->rtt);
  client->limit = std::max(client->limit, client->started + kChannelWait + kMaxAttempts * patience);

  wire::ChannelHeader header;
  header.counter = channel->counter;
  header.connection = client->id;
  header.service = client->service;
  header.sni = client->service;
  context_.rng.fill(header.nonce);
  core::SealedHeader sealed = session->keys->make_header(header, client->hello);
  header.session = session->id;
  context_.ledger.header_made(sealed.mac, header);
  channel->header_mac = sealed.mac;
  channel->client = client;
  channel->state = ChannelState::taken;
  channel->deadline = context_.now() + patience;
  sealed.bytes.insert(sealed.bytes.end(), client->hello.begin(), client->hello.end());
  channel->connection->send(Side::server, sealed.bytes);
}

void SimServer::on_answer(const ChannelPtr& channel) {
  const auto parsed = wire::parse_channel_answer(channel->in);
  if (std::holds_alternative<wire::NeedMore>(parsed)) return;
  const auto* done = std::get_if<1>(&parsed);
  if (done == nullptr) return try_next(channel);
  const auto answer = channel->session->keys->verify_answer(done->value, channel->header_mac);
  if (!answer) return try_next(channel);
  context_.ledger.answer_accepted(channel->header_mac, *answer);
  if (answer->verdict == wire::Verdict::refused) {
    finish(channel->client, Outcome::refused, *find_reason(answer->code));
    return close(channel);
  }
  channel->in.erase(channel->in.begin(), channel->in.begin() + static_cast<std::ptrdiff_t>(done->consumed));
  channel->state = ChannelState::relaying;
  finish(channel->client, Outcome::delivered, Reason::completed);
  context_.scheduler.after(channel->client->hold, guarded([this, channel] {
                             const std::string expected = greeting(channel->client->service, channel->client->hello);
                             context_.ledger.require(expected.starts_with(as_text(channel->in)),
                                                     "a client reached the wrong service");
                             close(channel);
                           }));
}

// No valid answer on this channel: the session is checked, and the next channel is tried.
void SimServer::try_next(const ChannelPtr& channel) {
  const ClientPtr client = channel->client;
  close(channel);
  if (!channel->session->over) channel->session->core.probe(context_.now(), context_.now() + core::kUnansweredProbe);
  if (++client->attempts >= kMaxAttempts) return finish(client, Outcome::refused, Reason::no_answer);
  take(client);
}

void SimServer::finish(const ClientPtr& client, Outcome outcome, Reason reason) {
  context_.ledger.require(client->outcome == Outcome::pending, "a client got two outcomes");
  client->outcome = outcome;
  client->reason = reason;
}

}  // namespace fairlead::sim
