#include "tests/sim/sim_agent.h"

#include <algorithm>

#include "common/core/overloaded.h"

namespace fairlead::sim {

using core::Overloaded;

SimAgent::SimAgent(Context& context, const Host& host, AgentSettings settings)
    : context_(context), host_(host), settings_(std::move(settings)) {
  context_.rng.fill(boot_id_);
}

SimAgent::~SimAgent() {
  crash();
}

void SimAgent::stop() {
  if (control_) control_->set_harmed();
  for (const auto& [key, channel] : channels_) channel->connection->set_harmed();
  if (control_) control_->close(Side::agent);
  for (const auto& [key, channel] : channels_) channel->connection->close(Side::agent);
  crash();
}

void SimAgent::crash() {
  if (control_) control_->vanish(Side::agent);
  for (const auto& [key, channel] : channels_) channel->connection->vanish(Side::agent);
  control_ = nullptr;
  session_ = nullptr;
  channels_.clear();
  dialer_.reset();
  alive_ = nullptr;
}

void SimAgent::connect() {
  dial(Purpose::control, [this](ConnectionPtr connection) { on_control(std::move(connection)); });
}

void SimAgent::dial(Purpose purpose, std::function<void(ConnectionPtr)> then) {
  context_.network.dial(host_, purpose,
                        [then = std::move(then), alive = std::weak_ptr<int>(alive_)](const ConnectionPtr& connection) {
                          if (!alive.expired()) return then(connection);
                          if (connection) connection->vanish(Side::agent);
                        });
}

void SimAgent::on_control(ConnectionPtr connection) {
  if (connection == nullptr) return end_session(0s);
  control_ = std::move(connection);
  wire::Hello hello;
  hello.endpoint = settings_.endpoint;
  hello.boot_id = boot_id_;
  hello.counter = ++counter_;
  hello.pool_min = settings_.pool_min;
  hello.pool_max = settings_.pool_max;
  session_ = std::make_unique<core::AgentSession>(hello, context_.now());
  control_->attach(Side::agent, {guarded([this](ByteView bytes) {
                                   session_->receive(bytes, context_.now());
                                   settle();
                                 }),
                                 guarded([this] { end_session(0s); })});
  settle();
}

void SimAgent::settle() {
  const std::uint64_t epoch = epoch_;
  while (session_) {
    auto event = session_->next_event();
    if (!event) break;
    on_event(*event);
  }
  if (!session_ || epoch != epoch_) return;
  control_->send(Side::agent, session_->output());
  session_->sent(session_->output().size());
  if (session_->finished()) return end_session(0s);
  if (const auto deadline = session_->deadline()) {
    context_.scheduler.at(*deadline, guarded([this, epoch] {
      if (epoch != epoch_ || !session_) return;
      if (session_->deadline() > context_.now()) return;
      session_->on_time(context_.now());
      settle();
    }));
  }
}

void SimAgent::on_event(core::AgentEvent& event) {
  using namespace core::agent_event;
  std::visit(Overloaded{
                 [&](Welcomed& e) {
                   keys_.emplace(e.welcome.key, e.welcome.session_id);
                   dialer_.emplace(settings_.pool_max, context_.now());
                   next_ticket_ = 0;
                   backoff_.reset();
                   std::uint32_t claim = 0;
                   for (const auto& service : settings_.services)
                     session_->register_service({++claim, service, "", 1, {}, {}});
                 },
                 [&](ServiceRegistered&) { ++registered_; },
                 [&](ServiceRefused& e) { context_.ledger.require(false, "a service was refused: " + e.refusal.code); },
                 [&](SessionRefused& e) {
                   const bool superseded = e.refusal.reason == Reason::superseded;
                   context_.ledger.require(!superseded || excusable(*control_, context_.now()),
                                           "a live session lost its name");
                   end_session(e.refusal.retry_after);
                 },
                 [&](OpenChannels& e) {
                   dialer_->on_open_channels(e.count, context_.now());
                   open_channels();
                 },
                 [&](Failed& e) {
                   context_.ledger.require(e.reason != Reason::protocol_error,
                                           "a server broke the protocol: " + e.detail);
                   context_.ledger.require(excusable(*control_, context_.now()), "a live server was taken for dead");
                   end_session(0s);
                 },
                 [&](auto&) {},
             },
             event);
}

void SimAgent::end_session(Duration retry_after) {
  ++epoch_;
  if (control_) control_->close(Side::agent);
  control_ = nullptr;
  session_ = nullptr;
  keys_.reset();
  dialer_.reset();
  registered_ = 0;
  std::vector<ChannelPtr> unused;
  for (const auto& [key, channel] : channels_) {
    if (!channel->bound) unused.push_back(channel);
  }
  for (const auto& channel : unused) drop(channel);
  context_.scheduler.after(retry_after + backoff_.next(context_.rng), guarded([this] { connect(); }));
}

void SimAgent::open_channels() {
  const std::uint64_t epoch = epoch_;
  for (int n = dialer_->take_dials(context_.now()); n > 0; --n) {
    dial(Purpose::data, [this, epoch](ConnectionPtr connection) { on_dialled(std::move(connection), epoch); });
  }
  if (const auto deadline = dialer_->deadline(context_.now())) {
    context_.scheduler.at(*deadline, guarded([this, epoch] {
      if (epoch == epoch_ && dialer_) open_channels();
    }));
  }
}

void SimAgent::on_dialled(ConnectionPtr connection, std::uint64_t epoch) {
  if (epoch != epoch_) {
    if (connection) connection->close(Side::agent);
    return;
  }
  if (connection == nullptr) {
    dialer_->on_dial_failed(context_.now(), context_.rng);
    return;
  }
  const auto channel = std::make_shared<Channel>(Channel{connection, next_ticket_++, epoch, *keys_, {}, false});
  channels_[connection->number] = channel;
  connection->attach(Side::agent, {guarded([this, channel](ByteView bytes) { on_data(channel, bytes); }),
                                   guarded([this, channel] { on_channel_closed(channel); })});
  const Bytes ticket = channel->keys.make_ticket(channel->counter);
  context_.ledger.ticket_made(ticket);
  connection->send(Side::agent, ticket);
  dialer_->on_ready();
}

void SimAgent::on_data(const ChannelPtr& channel, ByteView bytes) {
  if (channel->bound) return;
  channel->in.insert(channel->in.end(), bytes.begin(), bytes.end());
  const auto parsed = wire::parse_channel_header(channel->in);
  if (std::holds_alternative<wire::Malformed>(parsed)) return drop(channel);
  if (const auto* done = std::get_if<1>(&parsed)) on_header(channel, done->value, done->consumed);
}

void SimAgent::on_header(const ChannelPtr& channel, const wire::Signed<wire::ChannelHeader>& header, std::size_t size) {
  const auto verified = channel->keys.verify_header(header, channel->counter);
  if (!verified) return drop(channel);
  const ByteView rest = ByteView(channel->in).subspan(size);
  if (rest.size() < verified->hello_length) return;
  const ByteView hello = rest.first(verified->hello_length);
  if (!core::verify_hello(*verified, hello)) return drop(channel);
  context_.ledger.header_accepted(header.mac, *verified);
  const bool ours = std::ranges::any_of(settings_.services,
                                        [&](const auto& each) { return each + "." + kCluster == verified->service; });
  context_.ledger.require(ours, "a connection came to the wrong agent");
  channel->bound = true;
  dialer_->on_bound();
  serve(channel, *verified, header.mac, hello);
  open_channels();
}

void SimAgent::serve(const ChannelPtr& channel, const wire::ChannelHeader& header, const wire::Mac& mac,
                     ByteView hello) {
  if (context_.now() < silent_until_) return;
  const bool refuses = context_.chance(refuses_percent);
  const wire::ChannelAnswer answer =
      refuses ? wire::ChannelAnswer{wire::Verdict::refused, "target_refused"} : wire::ChannelAnswer{};
  Bytes out = channel->keys.make_answer(answer, mac);
  context_.ledger.answer_made(mac, answer);
  const std::string payload = greeting(header.service, hello);
  if (!refuses) out.insert(out.end(), payload.begin(), payload.end());
  context_.scheduler.after(context_.up_to(100ms),
                           guarded([channel, out] { channel->connection->send(Side::agent, out); }));
}

void SimAgent::drop(ChannelPtr channel) {
  channel->connection->close(Side::agent);
  on_channel_closed(channel);
}

void SimAgent::on_channel_closed(const ChannelPtr& channel) {
  channels_.erase(channel->connection->number);
  if (channel->bound || channel->epoch != epoch_ || !dialer_) return;
  dialer_->on_lost();
  open_channels();
}

void SimAgent::probe() {
  if (!session_) return;
  session_->probe(context_.now(), context_.now() + 3s);
  settle();
}

std::size_t SimAgent::bound() const {
  return static_cast<std::size_t>(
      std::count_if(channels_.begin(), channels_.end(), [](const auto& c) { return c.second->bound; }));
}

void SimAgent::check() const {
  const std::size_t dialled = dialer_ ? dialer_->ready() : 0;
  context_.ledger.require(unbound() == dialled, "an agent lost count of its channels");
  if (!dialer_) return;
  context_.ledger.require(dialer_->ready() + dialer_->dialing() <= settings_.pool_max,
                          "an agent dialled above its max");
}

}  // namespace fairlead::sim
