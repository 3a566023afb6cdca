#include "rendezvous/verify/dial_back.h"

#include "common/net/socket.h"
#include "common/wire/verify.h"

namespace fairlead::rendezvous {
namespace {
constexpr std::size_t kReadSize = 256;
}

DialBack::DialBack(net::Poller& poller, tls::TlsClientContext& context, VerifyDial kind, DialBackTarget target,
                   const core::ChannelKeys& keys, Rng& rng, OnDone on_done)
    : poller_(poller),
      context_(context),
      kind_(kind),
      target_(std::move(target)),
      keys_(keys),
      rng_(rng),
      on_done_(std::move(on_done)),
      timer_([](void* self) { static_cast<DialBack*>(self)->on_timer(); }, this) {}

void DialBack::start() {
  auto& loop = poller_.loop();
  began_ = loop.now();
  loop.timers().arm(timer_, began_ + dial_timeout(kind_));
  dial(target_.source);
}

void DialBack::dial(std::optional<IpAddress> source) {
  dial_ =
      std::make_unique<net::Connector>(poller_, net::ConnectOptions{.source = source, .buffers = {}}, nullptr,
                                       [this, source](Result<net::Connection> connection) {
                                         // The source's address went away a moment ago: any other will do.
                                         if (!connection && source && connection.error().reason == Reason::io_failed)
                                           return dial(std::nullopt);
                                         on_connected(std::move(connection));
                                       });
  dial_->start({target_.address}, dial_timeout(kind_));
}

void DialBack::on_ready(net::Readiness ready) {
  if (!tell_failure_at_ && ready.readable) read_plain();
}

void DialBack::on_connected(Result<net::Connection> connection) {
  if (!connection) return fail();
  if (kind_ == VerifyDial::liveness) return ask_in_clear(std::move(connection->fd));
  auto engine = tls::TlsEngine::client(context_, {.host = "", .spiffe_patterns = {target_.spiffe_id}}, {});
  if (!engine) return fail();
  stream_ = std::make_unique<net::TlsStream>(poller_, connection->fd.release(), std::move(*engine), *this);
  stream_->start({});
}

void DialBack::ask_in_clear(net::PolledFd fd) {
  fd_ = std::move(fd);
  fd_.retarget(*this);
  const Bytes request = keys_.make_verify_request(target_.nonce);
  const auto put = net::write_some(fd_.get(), request);
  // A fresh connection takes them, or it is broken.
  if (!put || !*put || **put != request.size()) fail();
}

void DialBack::on_tls_progress(net::TlsStream& stream) {
  if (tell_failure_at_) return;
  if (!asked_ && stream.handshake_done() && !stream.error()) {
    asked_ = true;
    stream.write(keys_.make_verify_request(target_.nonce));
  }
  const ByteView in = stream.plaintext();
  answer_.insert(answer_.end(), in.begin(), in.end());
  stream.consumed(in.size());
  if (!answer_.empty()) return examine();
  if (stream.error()) fail();
}

void DialBack::read_plain() {
  while (true) {
    const std::size_t had = answer_.size();
    answer_.resize(had + kReadSize);
    const auto got = net::read_some(fd_.get(), MutableBytes(answer_).subspan(had));
    const std::size_t count = got && *got ? **got : 0;
    answer_.resize(had + count);
    if (!got || (*got && count == 0)) return fail();
    if (!*got) return;
    examine();
    if (!on_done_ || tell_failure_at_) return;
  }
}

void DialBack::examine() {
  const auto parsed = wire::parse_verify_answer(answer_);
  if (std::holds_alternative<wire::Malformed>(parsed)) return fail();
  const auto* done = std::get_if<wire::Done<wire::VerifyAnswer>>(&parsed);
  if (done == nullptr) return;
  if (!keys_.check_verify_answer(done->value, target_.nonce)) return fail();
  tell(true);
}

// Nothing of the connection is kept; only its end is told later.
void DialBack::fail() {
  if (tell_failure_at_) return;
  dial_.reset();
  fd_.reset();
  if (stream_) {
    stream_->finish();
    poller_.loop().retire(std::move(stream_));
  }
  target_.place = {};
  tell_failure_at_ = failure_told_at(kind_, began_, rng_);
  poller_.loop().timers().arm(timer_, *tell_failure_at_);
}

void DialBack::on_timer() {
  if (!tell_failure_at_) fail();  // its time is up
  if (poller_.loop().now() >= *tell_failure_at_) return tell(false);
}

void DialBack::tell(bool reached) {
  if (!on_done_) return;
  timer_.cancel();
  dial_.reset();
  fd_.reset();
  if (stream_) stream_->finish();
  target_.place = {};
  const OnDone done = std::move(on_done_);
  on_done_ = nullptr;
  done(reached);
}

}  // namespace fairlead::rendezvous
