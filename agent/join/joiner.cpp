#include "agent/join/joiner.h"

#include "common/base/check.h"
#include "common/base/version.h"
#include "common/crypto/secret.h"

namespace fairlead::agent {
namespace {

// Says less than what a server did that was reached.
bool is_of_the_way(Reason reason) {
  return reason == Reason::connect_refused || reason == Reason::connect_timeout ||
         reason == Reason::connect_unreachable || reason == Reason::resolve_failed;
}

}  // namespace

Joiner::Joiner(JoinWish wish, Duration limit)
    : wish_(std::move(wish)),
      limit_(limit),
      poller_(loop_),
      farewells_(poller_),
      tools_{.loop = loop_,
             .channel = {poller_, pipes_, farewells_},
             .config = config_,
             .counters = counters_,
             .rng = rng_,
             .clock = DeviceClock("", build_time(), {WallTime{}, WallTime::max()})},
      context_({.credentials = nullptr,
                .alpn = {wire::kJoinAlpn},
                .clock = [this] { return tools_.clock.read(host_time()); },
                .ca_pin = wish_.token.ca_key_sha256}),
      timer_([](void* self) { static_cast<Joiner*>(self)->on_late(); }, this) {}

void Joiner::enter(State next) {
  switch (state_) {
    case State::idle:
      CHECK(next == State::dialing);
      break;
    case State::dialing:
      break;
    case State::asked:
      CHECK(next != State::asked);
      break;
    case State::over:
      CHECK(false);
  }
  state_ = next;
}

Result<wire::Joined> Joiner::run() {
  end_ = loop_.now() + limit_;
  try_next();
  loop_.run();
  return std::move(*result_);
}

void Joiner::try_next() {
  if (next_ == wish_.token.rendezvous.size()) return finish(tl::unexpected(*failure_));
  const auto left = static_cast<Duration::rep>(wish_.token.rendezvous.size() - next_);
  ++next_;
  enter(State::dialing);
  const TimePoint now = loop_.now();
  loop_.timers().arm(timer_, now + (end_ - now) / left);
  dial_ = std::make_unique<SessionDial>(
      tools_, server(), context_,
      tls::ServerExpectation{.host = server().host, .spiffe_patterns = {wish_.token.rendezvous_id}}, Bytes(), memory_,
      [this](Result<SessionDial::Opened> opened) { on_dialed(std::move(opened)); });
  dial_->start();
}

void Joiner::on_dialed(Result<SessionDial::Opened> opened) {
  if (!opened) return leave_server(opened.error());
  stream_ = std::move(opened->stream);
  stream_->hand_to(*this);
  enter(State::asked);
  ask();
  on_tls_progress(*stream_);
}

void Joiner::ask() {
  const wire::JoinRequest request{wish_.token.id, wish_.token.secret, wish_.name, wish_.csr, FAIRLEAD_VERSION};
  Bytes message;
  ByteWriter out(message);
  wire::write_join_question(request, out);
  stream_->write(message);
  crypto::wipe(message);
}

void Joiner::on_tls_progress(net::TlsStream& stream) {
  if (state_ != State::asked || &stream != stream_.get()) return;
  const ByteView in = stream.plaintext();
  input_.insert(input_.end(), in.begin(), in.end());
  stream.consumed(in.size());
  auto answer = wire::parse_join_answer(input_);
  if (auto* done = std::get_if<wire::Done<wire::JoinAnswer>>(&answer)) return on_answer(std::move(done->value));
  if (const auto* bad = std::get_if<wire::Malformed>(&answer)) return leave_server({bad->reason, ""});
  if (!stream.error()) return;
  const Error& why = *stream.error();
  leave_server(why.reason == Reason::completed ? Error{Reason::connection_lost, "it ended without an answer"} : why);
}

void Joiner::on_answer(wire::JoinAnswer answer) {
  stream_->finish();
  if (auto* joined = std::get_if<wire::Joined>(&answer)) return finish(std::move(*joined));
  const auto& refused = std::get<wire::JoinRefused>(answer);
  const auto reason = find_reason(refused.code);
  finish(fail(reason.value_or(Reason::internal), reason ? refused.text : refused.code + " " + refused.text));
}

void Joiner::on_late() {
  if (state_ == State::dialing) dial_->cancel();
  leave_server({Reason::connect_timeout, state_ == State::asked ? "it was asked and did not answer" : "no answer"});
}

void Joiner::leave_server(const Error& why) {
  if (!failure_ || is_of_the_way(failure_->reason)) {
    failure_ = Error{why.reason, server().to_string() + (why.detail.empty() ? "" : ": " + why.detail)};
  }
  if (dial_) loop_.retire(std::move(dial_));
  if (stream_) loop_.retire(std::move(stream_));
  input_.clear();
  try_next();
}

void Joiner::finish(Result<wire::Joined> result) {
  enter(State::over);
  timer_.cancel();
  result_ = std::move(result);
  loop_.stop();
}

}  // namespace fairlead::agent
