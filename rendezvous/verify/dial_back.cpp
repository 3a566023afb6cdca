#include "rendezvous/verify/dial_back.h"

#include "common/net/socket.h"
#include "common/wire/verify.h"

namespace fairlead::rendezvous {
namespace {
constexpr std::size_t kReadSize = 256;
}

DialBack::DialBack(net::Poller& poller, tls::TlsClientContext& context, VerifyDial kind, DialBackTarget target,
                   const core::ChannelKeys& keys, OnDone on_done)
    : poller_(poller),
      context_(context),
      kind_(kind),
      target_(std::move(target)),
      keys_(keys),
      on_done_(std::move(on_done)),
      timer_([](void* self) { static_cast<DialBack*>(self)->finish(false); }, this) {}

void DialBack::start() {
  auto& loop = poller_.loop();
  auto connecting = net::connect_tcp(target_.address, {.source = target_.source, .buffers = {}});
  if (!connecting) return loop.timers().arm(timer_, loop.now());  // told from the loop, as every other failure
  fd_ = net::PolledFd(poller_, std::move(*connecting), *this);
  loop.timers().arm(timer_, loop.now() + (kind_ == VerifyDial::full ? kFullCheckTimeout : kLivenessTimeout));
}

void DialBack::on_ready(net::Readiness ready) {
  if (!connected_) {
    if (ready.writable || ready.hung_up) on_connected();
  } else if (ready.readable) {
    read_plain();
  }
}

void DialBack::on_connected() {
  if (net::connect_result(fd_.get())) return finish(false);
  connected_ = true;
  if (kind_ == VerifyDial::liveness) {
    const Bytes request = keys_.make_verify_request(target_.nonce);
    const auto put = net::write_some(fd_.get(), request);
    // A fresh connection takes them, or it is broken.
    if (!put || !*put || **put != request.size()) return finish(false);
    return;
  }
  auto engine = tls::TlsEngine::client(context_, {.host = "", .spiffe_pattern = target_.spiffe_id}, {});
  if (!engine) return finish(false);
  stream_ = std::make_unique<net::TlsStream>(poller_, fd_.release(), std::move(*engine), *this);
  stream_->start({});
}

void DialBack::on_tls_progress(net::TlsStream& stream) {
  if (!asked_ && stream.handshake_done() && !stream.error()) {
    asked_ = true;
    stream.write(keys_.make_verify_request(target_.nonce));
  }
  const ByteView in = stream.plaintext();
  answer_.insert(answer_.end(), in.begin(), in.end());
  stream.consumed(in.size());
  if (!answer_.empty()) return examine();
  if (stream.error()) finish(false);
}

void DialBack::read_plain() {
  while (true) {
    const std::size_t had = answer_.size();
    answer_.resize(had + kReadSize);
    const auto got = net::read_some(fd_.get(), MutableBytes(answer_).subspan(had));
    const std::size_t count = got && *got ? **got : 0;
    answer_.resize(had + count);
    if (!got || (*got && count == 0)) return finish(false);
    if (!*got) return;
    examine();
    if (!on_done_) return;
  }
}

void DialBack::examine() {
  const auto parsed = wire::parse_verify_answer(answer_);
  if (std::holds_alternative<wire::Malformed>(parsed)) return finish(false);
  const auto* done = std::get_if<wire::Done<wire::VerifyAnswer>>(&parsed);
  if (done == nullptr) return;
  finish(keys_.check_verify_answer(done->value, target_.nonce).has_value());
}

void DialBack::finish(bool reached) {
  if (!on_done_) return;
  timer_.cancel();
  fd_.reset();
  if (stream_) stream_->finish();
  const OnDone done = std::move(on_done_);
  on_done_ = nullptr;
  done(reached);
}

}  // namespace fairlead::rendezvous
