#include "agent/calling/service_dial.h"

#include "agent/calling/call_failure.h"
#include "common/base/check.h"

namespace fairlead::agent {

ServiceDial::ServiceDial(const CallTools& tools, CalledService& service, net::SocketBuffers buffers, OnDone on_done)
    : tools_(tools),
      service_(service),
      buffers_(buffers),
      on_done_(std::move(on_done)),
      resolver_(tools.names),
      timer_([](void* self) { static_cast<ServiceDial*>(self)->on_timer(); }, this) {
  CHECK(!service_.servers.empty());
}

ServiceDial::~ServiceDial() = default;

void ServiceDial::enter(State next) {
  const bool legal = [&] {
    switch (state_) {
      case State::idle:
        return next == State::resolving;
      case State::resolving:
        return next == State::connecting || next == State::resolving || next == State::done;
      case State::connecting:
        return next == State::shaking || next == State::resolving || next == State::done;
      case State::shaking:
        return next == State::resolving || next == State::done;
      case State::done:
        return false;
    }
    return false;
  }();
  CHECK(legal);
  state_ = next;
}

void ServiceDial::start() {
  try_next_server();
}

void ServiceDial::try_next_server() {
  const HostPort& server = service_.servers[next_server_++];
  enter(State::resolving);
  began_ = net::monotonic_now();
  tools_.loop().timers().arm(timer_, tools_.loop().now() + service_.connect_timeout);
  resolver_.resolve(server, [this](Result<std::vector<SocketAddress>> answer) { on_resolved(std::move(answer)); });
}

void ServiceDial::on_resolved(Result<std::vector<SocketAddress>> answer) {
  timer_.cancel();
  if (!answer) return give_up_server(answer.error());
  enter(State::connecting);
  connector_ = std::make_unique<net::Connector>(
      tools_.poller(), net::ConnectOptions{.source = std::nullopt, .buffers = buffers_}, &tools_.addresses,
      [this](Result<net::Connection> result) { on_connected(std::move(result)); });
  connector_->start(*answer, service_.connect_timeout);
}

void ServiceDial::on_connected(Result<net::Connection> connection) {
  if (!connection) return give_up_server(connection.error());
  const tls::ServerExpectation expected{
      .host = "", .spiffe_patterns = service_.name.expected, .sni = service_.name.sni};
  auto engine = tls::TlsEngine::client(service_.context, expected, service_.saved_session);
  if (!engine) return finish(tl::unexpected(engine.error()));
  enter(State::shaking);
  connected_ = net::monotonic_now();
  address_ = connection->peer;
  stream_ = std::make_unique<net::TlsByteStream>(std::move(connection->fd), std::move(*engine), tools_.relay.farewells);
  stream_->set_owner(*this);
  stream_->start({});
  tools_.loop().timers().arm(timer_, tools_.loop().now() + service_.handshake_timeout + kHeldByServer);
}

void ServiceDial::on_stream_progress(net::ByteStream& /*stream*/) {
  if (const auto& error = stream_->error()) {
    service_.saved_session.clear();  // whatever it was, it did not help
    return give_up_server(call_failure(*error, stream_->engine().peer_alert(), service_.name.sni));
  }
  if (!stream_->handshake_done()) return;
  service_.saved_session = stream_->engine().save_session();
  finish(AnsweredCall{.stream = std::move(stream_),
                      .address = address_,
                      .connect_time = connected_ - began_,
                      .handshake_time = net::monotonic_now() - connected_});
}

void ServiceDial::on_timer() {
  const std::string& server = service_.servers[next_server_ - 1].host;
  if (state_ == State::resolving) {
    resolver_.cancel();
    return give_up_server({Reason::resolve_failed, server + ": no answer from the resolver"});
  }
  tools_.addresses.failed(address_, tools_.loop().now());
  give_up_server({Reason::handshake_timeout,
                  service_.name.sni + ": no answer through " + address_.to_string() + " within the time"});
}

void ServiceDial::give_up_server(Error why) {
  timer_.cancel();
  if (stream_) tools_.loop().retire(std::move(stream_));
  const bool more = is_worth_another_server(why.reason) && next_server_ < service_.servers.size();
  if (!failure_ || tells_more(why.reason, failure_->reason)) failure_ = std::move(why);
  if (more) return try_next_server();
  finish(tl::unexpected(*failure_));
}

void ServiceDial::finish(Result<AnsweredCall> result) {
  enter(State::done);
  timer_.cancel();
  const OnDone done = std::exchange(on_done_, nullptr);
  done(std::move(result));
}

}  // namespace fairlead::agent
