#include "agent/service/terminated_connection.h"

#include <utility>

#include "agent/http/identity_fields.h"
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
          .certificate = engine.peer().leaf_hash,
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
  Bytes ahead = service_preamble(call_.proxy_protocol, call_.caller, call_.target.get(), {});
  ends.client = std::move(stream_);
  if (call_.protocol == Protocol::http) {
    ends.service = http_target(std::move(ahead));
  } else {
    ahead_ = ahead.size();
    ends.to_service = std::move(ahead);
    ends.service = std::make_unique<net::SocketStream>(std::move(call_.target));
  }
  net::RelayLimits limits = terms_.relay;
  limits.first = core::FlightRule::anything;
  limits.first_flight_timeout = {};
  relay_ = std::make_unique<net::StreamRelay>(net::StreamRelayTools{tools_.poller.loop(), tools_.pipes},
                                              std::move(ends), limits, *this);
}

std::unique_ptr<net::ByteStream> TerminatedConnection::http_target(Bytes ahead) {
  const VerifiedCaller& caller = *call_.caller.verified;
  auto stream =
      std::make_unique<HttpStream>(tools_.poller.loop(), std::make_unique<net::SocketStream>(std::move(call_.target)),
                                   identity_lines({.by = call_.own_id,
                                                   .hash = to_hex(caller.certificate),
                                                   .spiffe_id = caller.spiffe_id,
                                                   .address = call_.caller.address.ip.to_string()}),
                                   ahead);
  http_ = stream.get();
  return stream;
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
  TerminatedEnd end{.outcome = outcome,
                    .detail = "",
                    .caller = call_.caller.verified->spiffe_id,
                    .relayed = true,
                    .answered = http_ != nullptr ? http_->forwarder().answered() : outcome.service_bytes > 0};
  if (http_ != nullptr && http_->forwarder().refusal()) {
    end.outcome.reason = http_->forwarder().refusal()->reason;
    end.detail = http_->forwarder().refusal()->detail;
  }
  owner_.on_terminated_ended(std::move(end));
}

// The stream may be the one that is calling: it goes with this object.
void TerminatedConnection::end_shaking(Reason reason, std::string detail) {
  enter(State::ended);
  timer_.cancel();
  call_.target.reset();
  owner_.on_terminated_ended(
      {.outcome = {.reason = reason, .lasted = tools_.poller.loop().now() - started_}, .detail = std::move(detail)});
}

void TerminatedConnection::on_timer() {
  end_shaking(Reason::handshake_timeout, "limits.handshake_timeout");
}

}  // namespace fairlead::agent
