#include "common/tls/connection.h"

#include <fmt/format.h>
#include <mbedtls/error.h>

#include <algorithm>
#include <array>

#include "common/base/check.h"
#include "common/base/pattern.h"
#include "common/crypto/secret.h"
#include "common/tls/alert_name.h"
#include "common/tls/ticket_callbacks.h"

namespace fairlead::tls {
namespace {

constexpr std::size_t kMaxRecordPlaintext = 16384;  // RFC 5246 §6.2.1
constexpr unsigned char kAlertRecord = 21;

// While it lives, the configuration's ticket callbacks speak for this connection.
class ExchangeScope {
 public:
  ExchangeScope(SharedConfig& config, TicketExchange& exchange) : config_(config) { config_.exchange = &exchange; }
  ~ExchangeScope() { config_.exchange = nullptr; }
  ExchangeScope(const ExchangeScope&) = delete;
  ExchangeScope& operator=(const ExchangeScope&) = delete;

 private:
  SharedConfig& config_;
};

}  // namespace

TlsEngine::Connection::Handshake::Handshake(const SharedConfig& config, const ServerExpectation* wanted)
    : expected(wanted == nullptr ? std::nullopt : std::optional(*wanted)),
      clock(expected && expected->clock ? expected->clock : config.clock),
      verifier(config.peer, config.trust, clock, expected ? &*expected : nullptr, config.allow) {
  exchange.verifier = &verifier;
}

TlsEngine::Connection::Connection(std::shared_ptr<SharedConfig> config, const ServerExpectation* expected)
    : config_(std::move(config)), handshake_(std::make_unique<Handshake>(*config_, expected)) {}

Result<void> TlsEngine::Connection::setup() {
  CHECK(mbedtls_ssl_setup(ssl_.get(), config_->ssl.get()) == 0);
  mbedtls_ssl_set_bio(ssl_.get(), this, on_send, on_receive, nullptr);
  mbedtls_ssl_set_verify(ssl_.get(), PeerVerifier::callback, &handshake_->verifier);
  if (!handshake_->expected) return {};
  // 3.6 wants to be told even that there is no name. A literal is not sent as SNI (RFC 6066 §3).
  const ServerExpectation& expected = *handshake_->expected;
  const std::string& host = expected.host.empty() ? expected.sni : expected.host;
  const std::string name = normalize_name(host);
  const bool send_name = !name.empty() && !IpAddress::parse(name);
  if (mbedtls_ssl_set_hostname(ssl_.get(), send_name ? name.c_str() : nullptr) != 0)
    return fail(Reason::config_invalid, fmt::format("{}: not a usable host name", host));
  return {};
}

void TlsEngine::Connection::offer(ByteView saved_session) {
  std::optional<SessionState> state = parse_session_state(saved_session);
  if (!state || !config_->credentials) return;
  const Credentials& own = *config_->credentials;
  if (state->local_leaf != own.leaf_hash()) return;  // the server would go on with the identity we had
  if (judge_session(*state, own.ca_hash(), handshake_->clock().time) != ResumptionRefused::none) return;
  if (!check_expected(state->peer, *handshake_->expected, own.trust_domain())) return;
  OwnedSession session;
  if (mbedtls_ssl_session_load(session.get(), state->tls.data(), state->tls.size()) != 0) return;
  if (mbedtls_ssl_set_session(ssl_.get(), session.get()) != 0) return;
  handshake_->offered = std::move(*state);
}

int TlsEngine::Connection::on_send(void* self, const unsigned char* data, std::size_t size) {
  auto& connection = *static_cast<Connection*>(self);
  // The library hands over whole records, one a call; the type is readable even when the record is encrypted.
  if (size > 0 && data[0] == kAlertRecord) connection.alert_sent_ = true;
  connection.output_.append({data, size});
  return static_cast<int>(size);
}

int TlsEngine::Connection::on_receive(void* self, unsigned char* out, std::size_t size) {
  auto& inbox = static_cast<Connection*>(self)->inbox_;
  if (inbox.empty()) return MBEDTLS_ERR_SSL_WANT_READ;
  const std::size_t n = std::min(size, inbox.size());
  std::ranges::copy(inbox.view().first(n), out);
  inbox.take(n);
  return static_cast<int>(n);
}

Result<void> TlsEngine::Connection::receive(ByteView ciphertext) {
  if (failure_) return tl::unexpected(*failure_);
  if (state_ == State::peer_closed) return {};  // nothing counts after close_notify (RFC 5246 §7.2.1)
  inbox_.append(ciphertext);
  if (state_ == State::handshaking) {
    if (auto watched = watch_hello(ciphertext); !watched) return watched;
    if (auto shaken = shake_hands(); !shaken) return shaken;
  }
  return state_ == State::open ? decrypt() : Result<void>();
}

Result<void> TlsEngine::Connection::watch_hello(ByteView ciphertext) {
  if (handshake_->hello.receive(ciphertext) != HelloWatch::State::absent) return {};
  return failed({Reason::handshake_failed, "the peer does not support the extended master secret (RFC 7627)"});
}

// Step by step, so that a rejected certificate ends the handshake before anything more is said.
Result<void> TlsEngine::Connection::shake_hands() {
  const ExchangeScope scope(*config_, handshake_->exchange);
  while (ssl_->MBEDTLS_PRIVATE(state) != MBEDTLS_SSL_HANDSHAKE_OVER) {
    const int code = mbedtls_ssl_handshake_step(ssl_.get());
    if (const auto& rejected = handshake_->verifier.failure()) return failed(*rejected);
    if (code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE) return {};
    if (code != 0) return failed(handshake_error(code));
    // Only a full handshake comes by here; the library has no other way to ask whether it resumed.
    if (ssl_->MBEDTLS_PRIVATE(state) == MBEDTLS_SSL_SERVER_CERTIFICATE) handshake_->kind = HandshakeKind::full;
  }
  return finish_handshake();
}

Result<void> TlsEngine::Connection::finish_handshake() {
  Handshake& done = *handshake_;
  if (done.hello.receive({}) != HelloWatch::State::present)
    return failed({Reason::handshake_failed, "the peer's hello could not be checked"});
  if (!config_->alpn.empty() && alpn().empty() && config_->alpn_rule == AlpnRule::required) {
    mbedtls_ssl_send_alert_message(ssl_.get(), MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                   MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL);
    return failed({Reason::handshake_failed, "the peer does not speak any of our application protocols (ALPN)"});
  }
  // A ticket alone proves nothing, it travels in clear: its identity counts only when the keys came from it too.
  std::optional<SessionState> restored;
  if (done.kind == HandshakeKind::resumed) restored = std::move(done.expected ? done.offered : done.exchange.restored);
  PeerIdentity identity = restored ? std::move(restored->peer) : done.verifier.identity().value_or(PeerIdentity());
  if (identity.spiffe_id.empty() && config_->client_certificate == ClientCertificate::required)
    return failed({Reason::certificate_missing, "the handshake ended without an identity"});
  peer_ = std::move(identity);
  resumed_ = restored.has_value();
  resumption_refused_ = done.exchange.refused;
  // A resumed session keeps its age: its certificates were judged when it began.
  if (done.expected) save_session(restored ? restored->issued : done.clock().time);
  state_ = State::open;
  forget_handshake();
  return {};
}

void TlsEngine::Connection::forget_handshake() {
  mbedtls_ssl_set_verify(ssl_.get(), nullptr, nullptr);
  handshake_.reset();
}

void TlsEngine::Connection::save_session(WallTime issued) {
  OwnedSession session;
  if (mbedtls_ssl_get_session(ssl_.get(), session.get()) != 0) return;
  if (session->MBEDTLS_PRIVATE(ticket_len) == 0 || !config_->credentials) return;
  const Credentials& own = *config_->credentials;
  SessionState state{*peer_, own.ca_hash(), own.leaf_hash(), issued, save_library_session(*session.get())};
  if (!state.tls.empty() && state.tls.size() <= UINT16_MAX) saved_session_ = write_session_state(state);
  crypto::wipe(state.tls);
}

Result<void> TlsEngine::Connection::decrypt() {
  std::array<std::uint8_t, kMaxRecordPlaintext> record;
  while (plaintext_.size() < kMaxPlaintextQueued) {
    const int code = mbedtls_ssl_read(ssl_.get(), record.data(), record.size());
    if (code > 0) {
      plaintext_.append(ByteView(record).first(static_cast<std::size_t>(code)));
      continue;
    }
    if (code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY || code == 0) {
      state_ = State::peer_closed;
      inbox_.clear();
    } else if (code != MBEDTLS_ERR_SSL_WANT_READ) {
      return failed({Reason::protocol_error, error_text(code)});
    }
    break;
  }
  crypto::wipe(record);
  // The library declines a renegotiation with a warning and goes on; a peer of ours never asks.
  if (alert_sent_) return failed({Reason::protocol_error, "the peer asked for a renegotiation"});
  return {};
}

bool TlsEngine::Connection::stalled() const {
  return state_ == State::open && plaintext_.size() >= kMaxPlaintextQueued && !inbox_.empty();
}

void TlsEngine::Connection::consumed(std::size_t n) {
  plaintext_.take(n);
  // What was held back must not wait for more ciphertext. A failure is kept, and returned by the next call that can.
  if (state_ != State::open || inbox_.empty()) return;
  [[maybe_unused]] const auto decrypted = decrypt();
}

Result<void> TlsEngine::Connection::write(ByteView plaintext) {
  if (failure_) return tl::unexpected(*failure_);
  CHECK(state_ != State::handshaking);
  CHECK(!close_sent_);
  while (!plaintext.empty()) {
    const int code = mbedtls_ssl_write(ssl_.get(), plaintext.data(), std::min(plaintext.size(), kMaxRecordPlaintext));
    if (code <= 0) return failed({Reason::protocol_error, error_text(code)});
    plaintext = plaintext.subspan(static_cast<std::size_t>(code));
  }
  return {};
}

void TlsEngine::Connection::close() {
  if (failure_ || close_sent_) return;
  close_sent_ = true;
  const bool alerted = alert_sent_;
  if (state_ != State::handshaking) mbedtls_ssl_close_notify(ssl_.get());
  alert_sent_ = alerted;
}

std::string_view TlsEngine::Connection::protocol() const {
  return mbedtls_ssl_get_version(ssl_.get());
}

std::string TlsEngine::Connection::alpn() const {
  const char* protocol = mbedtls_ssl_get_alpn_protocol(ssl_.get());
  return protocol == nullptr ? "" : protocol;
}

tl::unexpected<Error> TlsEngine::Connection::failed(Error error) {
  const bool peer_gave_up = ssl_->MBEDTLS_PRIVATE(in_msgtype) == MBEDTLS_SSL_MSG_ALERT;
  if (peer_gave_up && ssl_->MBEDTLS_PRIVATE(in_msg)[0] == MBEDTLS_SSL_ALERT_LEVEL_FATAL)
    peer_alert_ = ssl_->MBEDTLS_PRIVATE(in_msg)[1];
  if (!alert_sent_ && !peer_gave_up && !close_sent_)
    mbedtls_ssl_send_alert_message(ssl_.get(), MBEDTLS_SSL_ALERT_LEVEL_FATAL, alert_for(error.reason));
  state_ = State::failed;
  inbox_.clear();
  failure_ = std::move(error);
  return tl::unexpected(*failure_);
}

Error TlsEngine::Connection::handshake_error(int code) {
  if (code == MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE)
    return {Reason::certificate_missing, "the peer presented no certificate"};
  return {Reason::handshake_failed, error_text(code)};
}

std::string TlsEngine::Connection::error_text(int code) {
  if (code == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
    const std::uint8_t alert = ssl_->MBEDTLS_PRIVATE(in_msg)[1];
    return fmt::format("the peer sent the alert {} ({})", alert_name(alert), alert);
  }
  if (code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) return "the peer closed during the handshake";
  return library_error(code);
}

}  // namespace fairlead::tls
