#include "common/net/session_driver.h"

#include <algorithm>

namespace fairlead::net {
namespace {
constexpr std::size_t kWriteChunk = 16 * 1024;  // one TLS record
}

SessionDriver::SessionDriver(Loop& loop, std::unique_ptr<TlsStream> stream, core::ControlSession& session,
                             SessionDriverOwner& owner)
    : loop_(loop),
      stream_(std::move(stream)),
      session_(session),
      owner_(owner),
      timer_([](void* self) { static_cast<SessionDriver*>(self)->on_timer(); }, this) {
  stream_->hand_to(*this);
}

// What came with the peer's last handshake message announces itself no more.
void SessionDriver::start() {
  on_tls_progress(*stream_);
}

void SessionDriver::on_tls_progress(TlsStream& /*stream*/) {
  if (!running()) return;
  read();
  owner_.on_session_events();
  if (!running()) return;
  if (stream_->error()) return tell_over(*stream_->error());
  settle();
}

void SessionDriver::read() {
  while (!stream_->plaintext().empty()) {
    const ByteView in = stream_->plaintext();
    session_.receive(in, loop_.now());
    stream_->consumed(in.size());
  }
}

void SessionDriver::settle() {
  if (!running()) return;
  owner_.on_session_events();
  if (!running()) return;
  pump();
  if (stream_->error()) return tell_over(*stream_->error());
  if (session_.finished() && !stream_->congested()) return tell_over({Reason::completed, ""});
  arm();
}

void SessionDriver::settle_soon() {
  if (running()) loop_.timers().arm(timer_, loop_.now());
}

void SessionDriver::pump() {
  while (!stream_->congested() && !session_.output().empty() && !stream_->error()) {
    const ByteView out = session_.output();
    const ByteView chunk = out.first(std::min(out.size(), kWriteChunk));
    stream_->write(chunk);
    session_.sent(chunk.size());
  }
}

void SessionDriver::arm() {
  if (session_.over() && !flush_until_) flush_until_ = loop_.now() + kLastFlush;
  const auto due = flush_until_ ? flush_until_ : session_.deadline();
  if (!due) return timer_.cancel();
  loop_.timers().arm(timer_, *due);
}

void SessionDriver::on_timer() {
  if (flush_until_ && loop_.now() >= *flush_until_) return tell_over({Reason::completed, ""});
  session_.on_time(loop_.now());
  settle();
}

void SessionDriver::tell_over(const Error& how) {
  state_ = State::over;
  timer_.cancel();
  owner_.on_session_over(how);
}

void SessionDriver::end() {
  if (state_ == State::ended) return;
  state_ = State::ended;
  timer_.cancel();
  stream_->finish();
}

}  // namespace fairlead::net
