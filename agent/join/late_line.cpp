#include "agent/join/late_line.h"

#include <algorithm>

#include "common/base/version.h"
#include "common/tls/key_pin.h"

namespace fairlead::agent {
namespace {

// In this context no certificate of ours says which trust domain is meant.
std::string with_domain(std::string pattern, std::string_view domain) {
  constexpr std::string_view kMark = "{trust_domain}";
  for (auto at = pattern.find(kMark); at != std::string::npos; at = pattern.find(kMark, at + domain.size())) {
    pattern.replace(at, kMark.size(), domain);
  }
  return pattern;
}

}  // namespace

LateLine::LateLine(AgentTools& tools, OnAnswer on_answer) : tools_(tools), on_answer_(std::move(on_answer)) {}

void LateLine::open(const tls::Credentials& ended) {
  if (context_) return;
  const Bytes* const ca = tls::signing_ca(ended);
  const auto pin = ca == nullptr ? std::nullopt : tls::key_pin(*ca);
  if (!pin) return;
  server_id_ = with_domain(tools_.config.rendezvous_id, ended.trust_domain());
  context_.emplace(tls::TlsClientOptions{.credentials = nullptr,
                                         .alpn = {wire::kJoinAlpn},
                                         .clock = [this] { return tools_.clock.read(host_time()); },
                                         .ca_pin = pin});
}

void LateLine::close() {
  hang_up();
  context_.reset();
}

void LateLine::hang_up() {
  if (dial_) {
    dial_->cancel();
    tools_.loop.retire(std::move(dial_));
  }
  if (stream_) tools_.loop.retire(std::move(stream_));
  input_.clear();
}

void LateLine::ask_renewal(Bytes csr) {
  hang_up();
  if (!context_) return;
  const auto& servers = tools_.config.rendezvous;
  server_ = servers[next_++ % servers.size()];
  question_.clear();
  ByteWriter out(question_);
  wire::write_join_question(wire::LateRenewal{std::move(csr), FAIRLEAD_VERSION}, out);
  dial_ = std::make_unique<SessionDial>(
      tools_, server_, *context_, tls::ServerExpectation{.host = server_.host, .spiffe_patterns = {server_id_}},
      Bytes(), memory_, [this](Result<SessionDial::Opened> opened) { on_dialed(std::move(opened)); });
  dial_->start();
}

void LateLine::on_dialed(Result<SessionDial::Opened> opened) {
  tools_.loop.retire(std::move(dial_));
  if (!opened) return refuse(opened.error().reason);
  stream_ = std::move(opened->stream);
  stream_->hand_to(*this);
  stream_->write(question_);
  on_tls_progress(*stream_);
}

void LateLine::on_tls_progress(net::TlsStream& stream) {
  if (&stream != stream_.get()) return;
  const ByteView in = stream.plaintext();
  input_.insert(input_.end(), in.begin(), in.end());
  stream.consumed(in.size());
  const auto parsed = wire::parse_join_answer(input_);
  if (const auto* done = std::get_if<wire::Done<wire::JoinAnswer>>(&parsed)) return answer(done->value);
  if (const auto* bad = std::get_if<wire::Malformed>(&parsed)) return refuse(bad->reason);
  if (!stream.error()) return;
  const Reason why = stream.error()->reason;
  refuse(why == Reason::completed ? Reason::connection_lost : why);
}

void LateLine::answer(const wire::JoinAnswer& answer) {
  stream_->finish();
  hang_up();
  if (const auto* refused = std::get_if<wire::JoinRefused>(&answer)) {
    return on_answer_({.code = refused->code, .retry_after_s = 0, .chain = {}, .bundle = {}});
  }
  const auto& joined = std::get<wire::Joined>(answer);
  on_answer_({.code = "", .retry_after_s = 0, .chain = joined.chain, .bundle = joined.bundle});
}

void LateLine::refuse(Reason reason) {
  hang_up();
  on_answer_(wire::renewal_refused(reason, std::chrono::seconds(0)));
}

}  // namespace fairlead::agent
