#include "agent/calling/call.h"

#include "common/base/check.h"

namespace fairlead::agent {
namespace {
constexpr Duration kKeepAlive = 1min;  // a server that vanished is noticed although nobody writes
}

Call::Call(const CallTools& tools, CalledService& service, std::unique_ptr<net::SocketStream> caller, CallWords words,
           const net::RelayLimits& limits, const RelayShare& share, OnEnded on_ended, OnAnswered tell_answered)
    : tools_(tools),
      limits_(share.within(limits)),
      on_ended_(std::move(on_ended)),
      tell_answered_(std::move(tell_answered)),
      words_(std::move(words)),
      caller_(std::move(caller)) {
  dial_.emplace(tools, service, share.buffers,
                [this](Result<AnsweredCall> answered) { on_answered(std::move(answered)); });
}

Call::~Call() {
  on_ended_ = nullptr;
  if (state_ == State::dialing) caller_->abort();
  if (state_ == State::relaying) relay_->close(Reason::shutting_down);
}

void Call::enter(State next) {
  const bool legal = [&] {
    switch (state_) {
      case State::idle:
        return next == State::dialing;
      case State::dialing:
        return next == State::relaying || next == State::ended;
      case State::relaying:
        return next == State::ended;
      case State::ended:
        return false;
    }
    return false;
  }();
  CHECK(legal);
  state_ = next;
}

void Call::start() {
  enter(State::dialing);
  caller_->set_owner(*this);
  dial_->start();
}

// An end of its stream is none of the caller: who has asked may be silent from then on.
void Call::on_stream_progress(net::ByteStream& /*stream*/) {
  if (state_ != State::dialing || !caller_->broken()) return;
  dial_.reset();
  end({.reason = Reason::client_reset, .detail = "the caller left before the service had answered"});
}

void Call::turn_away(const CallTools& tools, net::PolledFd caller, const CallWords& words, Reason reason) {
  if (words.refused) return tools.relay.farewells.say(std::move(caller), words.refused(reason));
  net::reset_on_close(caller.get());
}

void Call::on_answered(Result<AnsweredCall> answered) {
  if (!answered) {
    turn_away(tools_, caller_->release(), words_, answered.error().reason);
    return end({.reason = answered.error().reason, .detail = answered.error().detail});
  }
  enter(State::relaying);
  peer_ = answered->stream->engine().peer().spiffe_id;
  net::keep_alive(answered->stream->fd(), kKeepAlive);
  relay_ = std::make_unique<net::StreamRelay>(net::StreamRelayTools{tools_.loop(), tools_.relay.pipes},
                                              net::StreamEnds{.client = std::move(caller_),
                                                              .service = std::move(answered->stream),
                                                              .to_service = std::move(words_.ahead),
                                                              .to_client = {},
                                                              .to_client_prefix = std::move(words_.accepted)},
                                              limits_, *this);
  if (tell_answered_) tell_answered_();
}

void Call::on_stream_relay_ended(net::StreamRelay& /*relay*/, const net::RelayOutcome& outcome) {
  if (!on_ended_) return;
  tools_.loop().retire(std::move(relay_));
  end({.reason = outcome.reason,
       .detail = {},
       .peer = peer_,
       .bytes_out = outcome.client_bytes,
       .bytes_in = outcome.service_bytes});
}

void Call::end(const CallEnd& how) {
  enter(State::ended);
  const OnEnded told = std::exchange(on_ended_, nullptr);
  told(*this, how);
}

}  // namespace fairlead::agent
