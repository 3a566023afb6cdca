#include "rendezvous/control/join_receiver.h"

#include "common/crypto/secret.h"

namespace fairlead::rendezvous {

JoinReceiver::JoinReceiver(JoinTools tools, Guest guest, TimePoint deadline)
    : tools_(tools),
      peer_(guest.peer),
      deadline_(deadline),
      place_(std::move(guest.place)),
      stream_(std::move(guest.stream)),
      timer_(
          [](void* self) {
            static_cast<JoinReceiver*>(self)->end({Reason::handshake_timeout, "no request came in time"});
          },
          this) {
  stream_->hand_to(*this);
}

void JoinReceiver::start() {
  tools_.loop.timers().arm(timer_, deadline_);
  on_tls_progress(*stream_);
}

void JoinReceiver::on_tls_progress(net::TlsStream& /*stream*/) {
  if (!stream_) return;
  if (asked_) {
    if (stream_->error()) end(*stream_->error());
    return;
  }
  const ByteView in = stream_->plaintext();
  input_.insert(input_.end(), in.begin(), in.end());
  stream_->consumed(in.size());
  auto question = wire::parse_join_question(input_);
  if (auto* done = std::get_if<wire::Done<wire::JoinQuestion>>(&question)) {
    crypto::wipe(input_);
    asked_ = true;
    return tools_.owner.on_join_asked(*this, std::move(done->value));
  }
  if (const auto* bad = std::get_if<wire::Malformed>(&question))
    return end({bad->reason, "a join request was expected"});
  if (stream_->error()) end(*stream_->error());
}

void JoinReceiver::answer(const wire::JoinAnswer& answer) {
  Bytes message;
  ByteWriter out(message);
  wire::write_join_answer(answer, out);
  stream_->write(message);
  const auto* refused = std::get_if<wire::JoinRefused>(&answer);
  if (refused == nullptr) return end({Reason::completed, ""});
  end({find_reason(refused->code).value_or(Reason::internal), refused->text});
}

void JoinReceiver::end(const Error& how) {
  if (how.reason != Reason::completed) {
    record_refusal(tools_.counters, tools_.access_log, peer_, how);
  }
  close();
  tools_.owner.on_join_over(*this);
}

void JoinReceiver::close() {
  timer_.cancel();
  if (!stream_) return;
  stream_->finish();
  tools_.loop.retire(std::move(stream_));
}

}  // namespace fairlead::rendezvous
