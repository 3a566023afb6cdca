#include "agent/session/session_dial.h"

#include <algorithm>

#include "common/tls/alert_name.h"

namespace fairlead::agent {
namespace {

constexpr Duration kUserTimeout = 30s;

// Of a server's alerts one has a reason of its own: without another certificate no server lets us in.
Error what_ended(const net::TlsStream& stream) {
  if (stream.engine().peer_alert() != tls::alert_for(Reason::certificate_expired)) return *stream.error();
  return {Reason::session_certificate_ended, "the server says that our own certificate has expired"};
}

}  // namespace

struct SessionDial::Handshake final : net::TlsStreamOwner {
  Handshake(SessionDial& dial, const SocketAddress& to, TimePoint give_up) : owner(dial), address(to), until(give_up) {}
  void on_tls_progress(net::TlsStream& /*stream*/) override { owner.on_progress(*this); }

  SessionDial& owner;
  const SocketAddress address;
  const TimePoint until;
  std::optional<RelayShare> share;  // of all but the first: room for one is always there
  std::unique_ptr<net::TlsStream> stream;
};

SessionDial::SessionDial(AgentTools& tools, HostPort server, tls::TlsClientContext& context,
                         tls::ServerExpectation expected, Bytes saved, core::AddressMemory& memory, OnDone on_done,
                         Duration silence)
    : tools_(tools),
      server_(std::move(server)),
      context_(context),
      expected_(std::move(expected)),
      saved_(std::move(saved)),
      memory_(memory),
      on_done_(std::move(on_done)),
      silence_(silence),
      resolver_(tools.names),
      timer_([](void* self) { static_cast<SessionDial*>(self)->on_timer(); }, this) {}

SessionDial::~SessionDial() {
  for (const auto& each : handshakes_) {
    if (each->share) tools_.room.give_back_proof(*each->share);
  }
}

void SessionDial::start() {
  resolve_until_ = now() + tools_.config.limits.connect_timeout;
  arm();
  resolver_.resolve(server_, [this](Result<std::vector<SocketAddress>> answer) { on_addresses(std::move(answer)); });
}

// What it owns may be in the middle of its own work until the loop's turn ends.
void SessionDial::cancel() {
  on_done_ = nullptr;
  finish(fail(Reason::shutting_down, "cancelled"));
}

std::string_view SessionDial::phase() const {
  if (!handshakes_.empty()) return "opening";
  return connector_ ? "connecting" : "resolving";
}

void SessionDial::on_addresses(Result<std::vector<SocketAddress>> answer) {
  resolve_until_ = TimePoint::max();
  if (!answer) return finish(tl::unexpected(answer.error()));
  start_at(std::move(*answer));
}

void SessionDial::start_at(std::vector<SocketAddress> addresses) {
  addresses_ = std::move(addresses);
  left_ = memory_.order(addresses_, now());
  connect();
}

void SessionDial::connect() {
  silent_at_ = TimePoint::max();
  connector_ = std::make_unique<net::Connector>(
      tools_.channel.poller,
      net::ConnectOptions{.source = std::nullopt, .buffers = tools_.room.memory().session_buffers()}, &memory_,
      [this](Result<net::Connection> connection) { on_connected(std::move(connection)); });
  connector_->start(left_, tools_.config.limits.connect_timeout);
  arm();
}

void SessionDial::on_connected(Result<net::Connection> connection) {
  if (!on_done_) return;  // cancelled
  tools_.loop.retire(std::move(connector_));
  if (connection) return shake(std::move(*connection));
  left_.clear();
  failure_ = connection.error();
  if (handshakes_.empty()) finish(tl::unexpected(*failure_));
}

void SessionDial::shake(net::Connection connection) {
  std::erase(left_, connection.peer);
  auto handshake = std::make_unique<Handshake>(*this, connection.peer,
                                               now() + tools_.config.limits.handshake_timeout + kQueuePatience);
  Handshake& begun = *handshake;
  if (!handshakes_.empty()) {
    begun.share = tools_.room.take_proof();
    if (!begun.share) left_.clear();  // no room beside the one that is under way
  }
  const bool room = handshakes_.empty() || begun.share;
  if (!room) return arm();
  auto engine = tls::TlsEngine::client(context_, expected_, saved_);
  if (!engine) {
    if (begun.share) tools_.room.give_back_proof(*begun.share);
    return finish(tl::unexpected(engine.error()));
  }
  net::Fd fd = connection.fd.release();
  net::set_user_timeout(fd.get(), kUserTimeout);
  begun.stream = std::make_unique<net::TlsStream>(tools_.channel.poller, std::move(fd), std::move(*engine), begun);
  handshakes_.push_back(std::move(handshake));
  silent_at_ = now() + silence_;
  arm();
  begun.stream->start({});
}

void SessionDial::on_progress(Handshake& handshake) {
  if (!on_done_) return;  // cancelled
  if (handshake.stream->error()) return drop(handshake, what_ended(*handshake.stream));
  if (!handshake.stream->handshake_done()) return;
  finish(Opened{std::move(handshake.stream), handshake.address});
}

void SessionDial::drop(Handshake& handshake, Error why) {
  memory_.failed(handshake.address, now());
  failure_ = std::move(why);
  if (handshake.share) tools_.room.give_back_proof(*handshake.share);
  const auto at = std::ranges::find_if(handshakes_, [&](const auto& each) { return each.get() == &handshake; });
  tools_.loop.retire(std::move(*at));
  handshakes_.erase(at);
  if (!handshakes_.empty() || connector_) return arm();
  if (left_.empty()) return finish(tl::unexpected(*failure_));
  connect();
}

void SessionDial::on_timer() {
  if (now() >= resolve_until_) {
    return finish(fail(Reason::resolve_failed, server_.host + ": no answer from the resolver"));
  }
  const auto late = std::ranges::find_if(handshakes_, [&](const auto& each) { return now() >= each->until; });
  if (late != handshakes_.end()) {
    return drop(**late, {Reason::handshake_timeout, (*late)->address.to_string() + ": the handshake was not answered"});
  }
  if (now() >= silent_at_ && !connector_ && !left_.empty()) return connect();
  arm();
}

void SessionDial::arm() {
  TimePoint due = resolve_until_;
  if (!connector_ && !left_.empty()) due = std::min(due, silent_at_);
  for (const auto& each : handshakes_) due = std::min(due, each->until);
  if (due == TimePoint::max()) return timer_.cancel();
  tools_.loop.timers().arm(timer_, due);
}

void SessionDial::finish(Result<Opened> result) {
  timer_.cancel();
  resolver_.cancel();
  if (connector_) tools_.loop.retire(std::move(connector_));
  if (result) {  // who was silent meanwhile comes last the next time
    for (const auto& each : handshakes_) {
      if (each->address != result->address) memory_.failed(each->address, now());
    }
  }
  const OnDone done = std::exchange(on_done_, nullptr);
  if (done) done(std::move(result));
}

}  // namespace fairlead::agent
