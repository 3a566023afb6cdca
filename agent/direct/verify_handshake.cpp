#include "agent/direct/verify_handshake.h"

#include "common/tls/server_expectation.h"
#include "common/wire/verify.h"

namespace fairlead::agent {
namespace {
constexpr Duration kCloseTime = 1s;  // for the peer to have our answer and close
}

VerifyHandshake::VerifyHandshake(net::Poller& poller, net::Fd fd, std::unique_ptr<tls::TlsEngine> engine,
                                 SocketAddress peer, KeyFinder& keys, VerifyRules rules, VerifyHandshakeOwner& owner)
    : owner_(owner),
      keys_(keys),
      rules_(std::move(rules)),
      peer_(peer),
      loop_(poller.loop()),
      stream_(poller, std::move(fd), std::move(engine), *this),
      timer_([](void* self) { static_cast<VerifyHandshake*>(self)->on_timeout(); }, this) {
  loop_.timers().arm(timer_, loop_.now() + rules_.timeout);
}

void VerifyHandshake::start(ByteView already_read) {
  stream_.start(already_read);
}

void VerifyHandshake::on_tls_progress(net::TlsStream& stream) {
  if (state_ == State::handshaking && stream.handshake_done()) look_at_peer();
  if (state_ == State::asked) look_at_request();
  if (state_ == State::answered && stream.error()) return end(Reason::completed, "");
  if (state_ != State::ended && stream.error()) end(stream.error()->reason, stream.error()->detail);
}

// The CA signs agents too: another agent may not ask.
void VerifyHandshake::look_at_peer() {
  const tls::ServerExpectation expected{.host = "", .spiffe_patterns = {rules_.rendezvous_id}};
  const auto fits = tls::check_expected(stream_.engine().peer(), expected, rules_.trust_domain);
  if (!fits) return end(fits.error().reason, fits.error().detail);
  state_ = State::asked;
}

void VerifyHandshake::look_at_request() {
  const auto parsed = wire::parse_verify_request(stream_.plaintext());
  if (std::holds_alternative<wire::NeedMore>(parsed)) return;
  const auto* done = std::get_if<wire::Done<wire::Signed<wire::VerifyRequest>>>(&parsed);
  if (done == nullptr || done->consumed != stream_.plaintext().size()) return end(Reason::verify_malformed, "");
  const auto keys = keys_.find_keys(done->value.fields.session);
  if (!keys) return end(Reason::verify_forged, "no such session");
  const auto nonce = keys->check_verify_request(done->value);
  if (!nonce) return end(nonce.error().reason, nonce.error().detail);
  stream_.consumed(done->consumed);
  stream_.write(keys->make_verify_answer(*nonce));
  stream_.finish();
  state_ = State::answered;
  loop_.timers().arm(timer_, loop_.now() + kCloseTime);
}

void VerifyHandshake::on_timeout() {
  if (state_ == State::answered) return end(Reason::completed, "");
  end(Reason::handshake_timeout, "");
}

void VerifyHandshake::end(Reason reason, const std::string& detail) {
  if (state_ == State::ended) return;
  state_ = State::ended;
  timer_.cancel();
  owner_.on_verify_ended(*this, reason, detail);
}

}  // namespace fairlead::agent
