#include "agent/session/data_channel.h"

#include "common/base/check.h"
#include "common/net/socket.h"
#include "common/wire/client_hello.h"

namespace fairlead::agent {
namespace {
constexpr std::size_t kReadSize = 4 * 1024;  // a header and a usual hello
constexpr Duration kHelloPatience = 5s;      // the hello was sent together with its header
}  // namespace

DataChannel::DataChannel(ServiceTools tools, ChannelOwner& owner, std::shared_ptr<const core::ChannelKeys> keys,
                         std::uint64_t ticket_counter, ChannelLimits limits)
    : tools_(tools),
      owner_(owner),
      keys_(std::move(keys)),
      ticket_counter_(ticket_counter),
      limits_(limits),
      started_(tools.loop().now()),
      timer_([](void* self) { static_cast<DataChannel*>(self)->on_timer(); }, this) {}

void DataChannel::start(const SocketAddress& rendezvous) {
  dial_ = std::make_unique<net::Connector>(
      tools_.poller(), net::ConnectOptions{.source = std::nullopt, .buffers = limits_.buffers}, nullptr,
      [this](Result<net::Connection> connection) { on_connected(std::move(connection)); });
  dial_->start({rendezvous}, limits_.connect_timeout);
}

void DataChannel::enter(State next) {
  switch (state_) {
    case State::dialing:
      CHECK(next == State::ready || next == State::ended);
      break;
    case State::ready:
      CHECK(next == State::hearing || next == State::ended);
      break;
    case State::hearing:
      CHECK(next == State::serving || next == State::ended);
      break;
    case State::serving:
      CHECK(next == State::ended);
      break;
    case State::ended:
      CHECK(false);
  }
  state_ = next;
}

void DataChannel::on_ready(net::Readiness ready) {
  if (ready.readable) read_more();
}

void DataChannel::on_connected(Result<net::Connection> connection) {
  dial_.reset();
  if (!connection) return end(connection.error().reason, connection.error().detail);
  fd_ = std::move(connection->fd);
  fd_.retarget(*this);
  const Bytes ticket = keys_->make_ticket(ticket_counter_);
  const auto put = net::write_some(fd_.get(), ticket);
  // A fresh connection takes 61 bytes, or it is broken.
  if (!put || !*put || **put != ticket.size()) return end(Reason::connection_lost, "the ticket could not be sent");
  enter(State::ready);
  auto& timers = tools_.loop().timers();
  timers.arm(timer_, tools_.loop().now() + kKeepAliveFrom);
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
  enter(State::hearing);
  auto& loop = tools_.loop();
  loop.timers().arm(timer_, loop.now() + kHelloPatience);
  owner_.on_channel_bound(*this);
  const ServiceConfig* service = owner_.find_service(header_.service);
  if (service == nullptr) return refuse(Reason::unknown_service, header_.service);
  if (header_.hello_length > limits_.hello_max) return refuse(Reason::memory_limit, "the ClientHello is too long");
  auto share = owner_.take_relay(*service);
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
  serve(*service);
}

void DataChannel::serve(const ServiceConfig& service) {
  enter(State::serving);
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(header_size_));
  connection_ =
      std::make_unique<ServiceConnection>(tools_, *this,
                                          ServiceCall{.client = std::move(fd_),
                                                      .bytes = std::move(buffer_),
                                                      .caller = {header_.caller, header_.sni, header_.connection}},
                                          service,
                                          ServiceTerms{.reach_within = limits_.target_timeout,
                                                       .handshake_within = limits_.handshake_timeout,
                                                       .relay = limits_.relay,
                                                       .share = *share_});
  connection_->start();
}

Bytes DataChannel::on_service_reached() {
  tools_.loop().timers().arm(timer_, tools_.loop().now() + kKeepAliveFrom);
  return keys_->make_answer({wire::Verdict::accepted, ""}, header_mac_);
}

void DataChannel::on_service_ended(ServiceEnd end) {
  if (end.client.valid()) say_refused(std::move(end.client), end.outcome.reason);
  enter(State::ended);
  timer_.cancel();
  caller_ = std::move(end.caller);
  owner_.on_channel_ended(*this, ChannelOwner::Stage::bound, end.outcome, end.detail);
}

void DataChannel::on_timer() {
  switch (state_) {
    case State::hearing:
      return end(Reason::hello_tampered, "nothing came in time");
    case State::ready:
      return net::keep_alive(fd_.get(), kChannelKeepAlive);
    case State::serving:
      return keep_alive(kChannelKeepAlive);
    case State::dialing:
    case State::ended:
      break;
  }
}

void DataChannel::say_refused(net::PolledFd fd, Reason reason) {
  tools_.relay.farewells.say(
      std::move(fd), keys_->make_answer({wire::Verdict::refused, std::string(reason_code(reason))}, header_mac_));
}

void DataChannel::refuse(Reason reason, const std::string& detail) {
  say_refused(std::move(fd_), reason);
  end(reason, detail);
}

void DataChannel::close(Reason reason) {
  if (state_ == State::ended) return;
  if (connection_) return connection_->close(reason);
  end(reason, "");
}

void DataChannel::keep_alive(Duration idle) {
  if (connection_) connection_->keep_alive(idle);
}

void DataChannel::end(Reason reason, const std::string& detail) {
  const auto stage = state_ == State::dialing ? ChannelOwner::Stage::dialing
                     : state_ == State::ready ? ChannelOwner::Stage::ready
                                              : ChannelOwner::Stage::bound;
  enter(State::ended);
  timer_.cancel();
  dial_.reset();
  fd_.reset();
  owner_.on_channel_ended(*this, stage, {.reason = reason, .lasted = tools_.loop().now() - started_}, detail);
}

}  // namespace fairlead::agent
