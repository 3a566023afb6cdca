#include "agent/session/data_channel.h"

#include "agent/service/service_preamble.h"
#include "common/net/socket.h"
#include "common/wire/client_hello.h"

namespace fairlead::agent {
namespace {
constexpr std::size_t kReadSize = 4 * 1024;  // a header and a usual hello
constexpr Duration kHelloPatience = 5s;      // the hello was sent together with its header
}  // namespace

DataChannel::DataChannel(net::RelayTools tools, ChannelOwner& owner, std::shared_ptr<const core::ChannelKeys> keys,
                         std::uint64_t ticket_counter, ChannelLimits limits)
    : tools_(tools),
      owner_(owner),
      keys_(std::move(keys)),
      ticket_counter_(ticket_counter),
      limits_(limits),
      started_(tools.poller.loop().now()),
      timer_([](void* self) { static_cast<DataChannel*>(self)->on_timer(); }, this) {}

void DataChannel::start(const SocketAddress& rendezvous) {
  auto& loop = tools_.poller.loop();
  auto connecting = net::connect_tcp(rendezvous, {.source = std::nullopt, .buffers = limits_.buffers});
  if (!connecting) {
    loop.timers().arm(timer_, loop.now());  // told from the loop, as every other failure
    return;
  }
  fd_ = net::PolledFd(tools_.poller, std::move(*connecting), *this);
  loop.timers().arm(timer_, loop.now() + limits_.connect_timeout);
}

void DataChannel::on_ready(net::Readiness ready) {
  if (state_ == State::dialing) {
    if (ready.writable || ready.hung_up) on_connected(ready);
    return;
  }
  if (state_ == State::reaching) {
    if (ready.hung_up) end(Reason::client_reset, "the rendezvous dropped the connection");
    return;
  }
  if (ready.readable) read_more();
}

void DataChannel::on_connected(net::Readiness ready) {
  const auto failed = ready.hung_up ? net::connect_result(fd_.get()) : std::nullopt;
  if (failed) return end(failed->reason, failed->detail);
  const Bytes ticket = keys_->make_ticket(ticket_counter_);
  const auto put = net::write_some(fd_.get(), ticket);
  // A fresh connection takes 61 bytes, or it is broken.
  if (!put || !*put || **put != ticket.size()) return end(Reason::connection_lost, "the ticket could not be sent");
  state_ = State::ready;
  auto& timers = tools_.poller.loop().timers();
  timers.arm(timer_, tools_.poller.loop().now() + kKeepAliveFrom);
  owner_.on_channel_ready(*this);
}

void DataChannel::read_more() {
  while (state_ == State::ready || state_ == State::hearing) {
    const std::size_t had = buffer_.size();
    buffer_.resize(had + kReadSize);
    const auto got = net::read_some(fd_.get(), MutableBytes(buffer_).subspan(had));
    const std::size_t count = got && *got ? **got : 0;
    buffer_.resize(had + count);
    if (!got || (*got && count == 0)) {
      return end(state_ == State::ready ? Reason::channel_died : Reason::client_closed, "closed by the rendezvous");
    }
    if (!*got) return;
    examine();
  }
}

void DataChannel::examine() {
  if (state_ == State::ready) {
    const auto parsed = wire::parse_channel_header(buffer_);
    if (const auto* bad = std::get_if<wire::Malformed>(&parsed)) return end(bad->reason, "");
    const auto* done = std::get_if<wire::Done<wire::Signed<wire::ChannelHeader>>>(&parsed);
    if (done == nullptr) return;
    auto header = keys_->verify_header(done->value, ticket_counter_);
    if (!header) return end(header.error().reason, header.error().detail);
    header_ = std::move(*header);
    header_mac_ = done->value.mac;
    header_size_ = done->consumed;
    bind();
  }
  if (state_ == State::hearing && buffer_.size() >= header_size_ + header_.hello_length) on_hello();
}

// The relay's share is taken before the hello is waited for: the hello is a part of what it may hold.
void DataChannel::bind() {
  state_ = State::hearing;
  auto& loop = tools_.poller.loop();
  loop.timers().arm(timer_, loop.now() + kHelloPatience);
  owner_.on_channel_bound(*this);
  if (owner_.find_service(header_.service) == nullptr) return refuse(Reason::unknown_service, header_.service);
  if (header_.hello_length > limits_.hello_max) return refuse(Reason::memory_limit, "the ClientHello is too long");
  auto share = owner_.take_relay();
  if (!share) return refuse(share.error().reason, share.error().detail);
  share_ = *share;
  limits_.relay = share_->within(limits_.relay);
  if (share_->buffers != limits_.buffers) net::limit_buffers(fd_.get(), share_->buffers);
}

void DataChannel::on_hello() {
  timer_.cancel();
  const ByteView hello = ByteView(buffer_).subspan(header_size_, header_.hello_length);
  if (const auto same = core::verify_hello(header_, hello); !same) {
    return end(same.error().reason, same.error().detail);
  }
  const auto parsed = wire::parse_client_hello(hello);
  if (!std::holds_alternative<wire::Done<wire::ClientHello>>(parsed)) {
    return refuse(Reason::client_not_tls, "the relayed bytes are not a ClientHello");
  }
  const ServiceConfig* service = owner_.find_service(header_.service);  // again: a reload may have come between
  if (service == nullptr) return refuse(Reason::unknown_service, header_.service);
  reach(*service);
}

void DataChannel::reach(const ServiceConfig& service) {
  state_ = State::reaching;
  proxy_protocol_ = service.proxy_protocol;
  dial_ = std::make_unique<TargetDial>(tools_.poller, service.target, limits_.target_timeout, share_->buffers,
                                       [this](Result<net::PolledFd> target) { on_target(std::move(target)); });
  dial_->start();
}

void DataChannel::on_target(Result<net::PolledFd> target) {
  auto& loop = tools_.poller.loop();
  loop.retire(std::move(dial_));  // it is still running
  if (!target) return refuse(target.error().reason, target.error().detail);
  net::RelayEnds ends;
  ends.to_service = service_preamble(proxy_protocol_, {header_.caller, header_.sni, header_.connection}, target->get(),
                                     ByteView(buffer_).subspan(header_size_));
  ends.to_client_prefix = keys_->make_answer({wire::Verdict::accepted, ""}, header_mac_);
  ends.client = std::move(fd_);
  ends.service = std::move(*target);
  buffer_ = Bytes();
  state_ = State::relaying;
  loop.timers().arm(timer_, loop.now() + kKeepAliveFrom);
  relay_.emplace(tools_, std::move(ends), limits_.relay, *this);
}

void DataChannel::on_timer() {
  switch (state_) {
    case State::dialing:
      return end(Reason::connect_timeout, "nothing came in time");
    case State::hearing:
      return end(Reason::hello_tampered, "nothing came in time");
    case State::ready:
      return net::keep_alive(fd_.get(), kChannelKeepAlive);
    case State::relaying:
      return keep_alive(kChannelKeepAlive);
    case State::reaching:
    case State::ended:
      break;
  }
}

void DataChannel::refuse(Reason reason, const std::string& detail) {
  Bytes answer = keys_->make_answer({wire::Verdict::refused, std::string(reason_code(reason))}, header_mac_);
  tools_.farewells.say(std::move(fd_), std::move(answer));
  end(reason, detail);
}

void DataChannel::close(Reason reason) {
  if (state_ == State::ended) return;
  if (relay_) return relay_->close(reason);
  end(reason, "");
}

void DataChannel::keep_alive(Duration idle) {
  if (relay_) relay_->keep_alive(core::Side::client, idle);
}

void DataChannel::on_relay_ended(net::Relay& /*relay*/, const net::RelayOutcome& outcome) {
  state_ = State::ended;
  timer_.cancel();
  owner_.on_channel_ended(*this, ChannelOwner::Stage::bound, outcome, "");
}

void DataChannel::end(Reason reason, const std::string& detail) {
  const auto stage = state_ == State::dialing ? ChannelOwner::Stage::dialing
                     : state_ == State::ready ? ChannelOwner::Stage::ready
                                              : ChannelOwner::Stage::bound;
  state_ = State::ended;
  timer_.cancel();
  dial_.reset();
  fd_.reset();
  owner_.on_channel_ended(*this, stage, {.reason = reason, .lasted = tools_.poller.loop().now() - started_}, detail);
}

}  // namespace fairlead::agent
