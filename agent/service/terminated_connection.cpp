#include "agent/service/terminated_connection.h"

#include <utility>

#include "common/base/check.h"
#include "common/net/socket.h"
#include "common/net/socket_stream.h"

namespace fairlead::agent {
namespace {

// What of a broken transport is not a verdict on anybody.
Reason reason_of(const std::optional<Error>& error) {
  return error && error->reason != Reason::connection_lost ? error->reason : Reason::client_closed;
}

VerifiedCaller verified(const tls::TlsEngine& engine) {
  return {.spiffe_id = engine.peer().spiffe_id,
          .common_name = engine.peer().common_name,
          .tls_version = std::string(engine.protocol()),
          .alpn = engine.alpn(),
          .resumed = engine.resumed()};
}

}  // namespace

TerminatedConnection::TerminatedConnection(net::RelayTools tools, TerminatedOwner& owner, TerminatedCall call,
                                           const TerminatedTerms& terms)
    : tools_(tools),
      owner_(owner),
      terms_(terms),
      call_(std::move(call)),
      started_(tools.poller.loop().now()),
      timer_([](void* self) { static_cast<TerminatedConnection*>(self)->on_timer(); }, this) {
  call_.target.retarget(*this);
  stream_ = std::make_unique<net::TlsByteStream>(std::move(call_.client), std::move(call_.engine), tools_.farewells);
  client_ = stream_.get();
  client_->set_owner(*this);
}

void TerminatedConnection::start() {
  tools_.poller.loop().timers().arm(timer_, started_ + terms_.handshake_timeout);
  const Bytes bytes = std::exchange(call_.bytes, Bytes());
  stream_->start(bytes);
}

void TerminatedConnection::enter(State next) {
  switch (state_) {
    case State::shaking:
      CHECK(next == State::relaying || next == State::ended);
      break;
    case State::relaying:
      CHECK(next == State::ended);
      break;
    case State::ended:
      CHECK(false);
  }
  state_ = next;
}

void TerminatedConnection::on_stream_progress(net::ByteStream& /*stream*/) {
  if (state_ != State::shaking) return;
  if (stream_->handshake_done()) return let_in();
  if (stream_->error() || stream_->broken()) {
    end_shaking(reason_of(stream_->error()), stream_->error() ? stream_->error()->detail : "the caller left");
  }
}

void TerminatedConnection::let_in() {
  enter(State::relaying);
  timer_.cancel();
  call_.caller.verified = verified(stream_->engine());
  net::StreamEnds ends;
  ends.to_service = service_preamble(call_.proxy_protocol, call_.caller, call_.target.get(), {});
  ahead_ = ends.to_service.size();
  ends.client = std::move(stream_);
  ends.service = std::make_unique<net::SocketStream>(std::move(call_.target));
  net::RelayLimits limits = terms_.relay;
  limits.first = core::FlightRule::anything;
  limits.first_flight_timeout = {};
  relay_ = std::make_unique<net::StreamRelay>(net::StreamRelayTools{tools_.poller.loop(), tools_.pipes},
                                              std::move(ends), limits, *this);
}

void TerminatedConnection::close(Reason reason) {
  if (state_ == State::shaking) return end_shaking(reason, "");
  if (state_ == State::relaying) relay_->close(reason);
}

void TerminatedConnection::keep_alive(Duration idle) {
  if (state_ != State::ended && client_->fd() >= 0) net::keep_alive(client_->fd(), idle);
}

void TerminatedConnection::on_stream_relay_ended(net::StreamRelay& /*relay*/, const net::RelayOutcome& outcome) {
  enter(State::ended);
  owner_.on_terminated_ended({outcome, "caller " + call_.caller.verified->spiffe_id, true});
}

// The stream may be the one that is calling: it goes with this object.
void TerminatedConnection::end_shaking(Reason reason, std::string detail) {
  enter(State::ended);
  timer_.cancel();
  call_.target.reset();
  owner_.on_terminated_ended(
      {{.reason = reason, .lasted = tools_.poller.loop().now() - started_}, std::move(detail), false});
}

void TerminatedConnection::on_timer() {
  end_shaking(Reason::handshake_timeout, "limits.handshake_timeout");
}

}  // namespace fairlead::agent
