#include "rendezvous/control/proof_receiver.h"

namespace fairlead::rendezvous {

ProofReceiver::ProofReceiver(ProofTools tools, Guest guest, TimePoint deadline)
    : tools_(tools),
      peer_(guest.peer),
      deadline_(deadline),
      place_(std::move(guest.place)),
      stream_(std::move(guest.stream)),
      timer_(
          [](void* self) {
            static_cast<ProofReceiver*>(self)->end({Reason::handshake_timeout, "no proof came in time"});
          },
          this) {
  stream_->hand_to(*this);
}

void ProofReceiver::start() {
  tools_.loop.timers().arm(timer_, deadline_);
  on_tls_progress(*stream_);
}

void ProofReceiver::on_tls_progress(net::TlsStream& /*stream*/) {
  if (!stream_) return;
  const ByteView in = stream_->plaintext();
  messages_.append(in);
  stream_->consumed(in.size());
  const auto message = messages_.next();
  if (!message) return end(message.error());
  if (*message) return judge(**message);
  if (stream_->error()) end(*stream_->error());
}

void ProofReceiver::judge(const wire::ControlMessage& message) {
  const auto* proof = std::get_if<wire::VerifyNonce>(&message);
  if (proof == nullptr) return end({Reason::protocol_error, "a proof was expected"});
  const bool known = tools_.proofs.settle(proof->nonce, stream_->engine().peer().spiffe_id, peer_.ip);
  end(known ? Error{Reason::completed, ""} : Error{Reason::verify_forged, "nobody waits for this proof"});
}

void ProofReceiver::end(const Error& how) {
  if (how.reason != Reason::completed) {
    record_refusal(tools_.counters, tools_.access_log, peer_, how);
  }
  close();
  tools_.owner.on_proof_over(*this);
}

void ProofReceiver::close() {
  timer_.cancel();
  if (!stream_) return;
  stream_->finish();
  tools_.loop.retire(std::move(stream_));
}

}  // namespace fairlead::rendezvous
