// The data channels of SimServer.
#include "tests/sim/sim_server.h"

namespace fairlead::sim {

constexpr Duration kTicketTimeout = 5s;

void SimServer::accept_data(const ConnectionPtr& connection) {
  const auto channel = std::make_shared<Channel>();
  channel->connection = connection;
  channels_[connection->number] = channel;
  connection->attach(Side::server, {guarded([this, channel](ByteView bytes) { on_data(channel, bytes); }),
                                    guarded([this, channel] { on_channel_closed(channel); })});
  context_.scheduler.after(kTicketTimeout, guarded([this, channel] {
                             if (channel->state == ChannelState::opened) close(channel);
                           }));
}

void SimServer::on_data(const ChannelPtr& channel, ByteView bytes) {
  channel->in.insert(channel->in.end(), bytes.begin(), bytes.end());
  switch (channel->state) {
    case ChannelState::opened:
      return on_ticket(channel);
    case ChannelState::ready:
      return close(channel);  // an idle channel that speaks is dead
    case ChannelState::asked:
      return on_answer(channel);
    case ChannelState::relaying:
      return;
  }
}

void SimServer::on_ticket(const ChannelPtr& channel) {
  const auto parsed = wire::parse_ticket(channel->in);
  if (std::holds_alternative<wire::NeedMore>(parsed)) return;
  const auto* done = std::get_if<1>(&parsed);
  if (done == nullptr) return close(channel);
  const auto carrier = directory_.find(done->value.fields.session);
  if (!carrier || !carrier->admit_ticket(done->value)) return close(channel);
  context_.ledger.ticket_accepted(Bytes(channel->in.begin(), channel->in.begin() + done->consumed));
  if (channel->in.size() > done->consumed) return close(channel);

  channel->in.clear();
  channel->counter = done->value.fields.counter;
  const auto ready = carrier->add_ready(item(channel->connection->number), context_.now());
  if (!ready) return close(channel);
  channel->carrier = carrier;
  channel->state = ChannelState::ready;
  if (*ready) ask(caller_of((*ready)->number), channel);
}

void SimServer::on_channel_closed(const ChannelPtr& channel) {
  switch (channel->state) {
    case ChannelState::opened:
    case ChannelState::ready:
      return close(channel);
    case ChannelState::asked:
      return on_channel_dead(caller_of(channel->caller));
    case ChannelState::relaying:
      context_.ledger.require(channel->connection->harmed(), "a live relay was cut");
      return close(channel);
  }
}

void SimServer::close(ChannelPtr channel) {
  channel->connection->close(Side::server);
  channels_.erase(channel->connection->number);
  if (channel->state == ChannelState::ready) {
    channel->carrier->remove_ready(item(channel->connection->number), context_.now());
  }
}

void SimServer::on_answer(const ChannelPtr& channel) {
  const CallerPtr caller = caller_of(channel->caller);
  const auto parsed = channel->carrier->read_answer(channel->in, channel->header_mac);
  if (const auto* bad = std::get_if<wire::Malformed>(&parsed)) return on_unbelievable(caller, bad->reason);
  const auto* done = std::get_if<wire::Done<wire::ChannelAnswer>>(&parsed);
  if (done == nullptr) return;
  context_.ledger.answer_accepted(channel->header_mac, done->value);
  if (done->value.verdict == wire::Verdict::refused) return fail_attempt(caller, *find_reason(done->value.code));
  channel->in.erase(channel->in.begin(), channel->in.begin() + static_cast<std::ptrdiff_t>(done->consumed));
  relay(channel, caller);
}

// The caller's attempt, its place and its load last as long as its relay does.
void SimServer::relay(const ChannelPtr& channel, const CallerPtr& caller) {
  caller->attempt.endpoint->load->on_accepted();
  channel->state = ChannelState::relaying;
  caller->channel = nullptr;
  finish(caller, Outcome::delivered, Reason::completed);
  context_.scheduler.after(caller->client->hold, guarded([this, channel, caller] {
                             const std::string expected = greeting(caller->client->service, caller->client->hello);
                             context_.ledger.require(expected.starts_with(as_text(channel->in)),
                                                     "a client reached the wrong service");
                             close(channel);
                             caller->attempt = rendezvous::Attempt();
                           }));
}

}  // namespace fairlead::sim
