#include "agent/direct/verify_responder.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/tls/tls_engine.h"
#include "common/wire/tls_alert.h"

namespace fairlead::agent {

VerifyResponder::VerifyResponder(net::Poller& poller, net::Farewells& farewells, Counters& counters, KeyFinder& keys,
                                 std::string rendezvous_id, VerifyLimits limits)
    : poller_(poller),
      farewells_(farewells),
      counters_(counters),
      keys_(keys),
      rendezvous_id_(std::move(rendezvous_id)),
      limits_(limits),
      rate_(limits.burst, limits.per_second, poller.loop().now()) {}

VerifyResponder::~VerifyResponder() = default;

void VerifyResponder::replace_credentials(std::shared_ptr<const tls::Credentials> credentials, tls::WallClock clock) {
  context_.emplace(tls::TlsServerOptions{.credentials = std::move(credentials),
                                         .alpn = {wire::kVerifyAlpn},
                                         .ticket_keys = nullptr,
                                         .clock = std::move(clock),
                                         .client_certificate = tls::ClientCertificate::required});
}

bool VerifyResponder::asks_for_check(const std::vector<std::string>& alpn) {
  return std::ranges::find(alpn, wire::kVerifyAlpn) != alpn.end();
}

void VerifyResponder::answer(net::Fd fd, const SocketAddress& peer, const wire::Signed<wire::VerifyRequest>& request) {
  const auto keys = keys_.find_keys(request.fields.session);
  if (!keys) return refuse(peer, Reason::verify_forged, "no such session");
  const auto nonce = keys->check_verify_request(request);
  if (!nonce) return refuse(peer, nonce.error().reason, nonce.error().detail);
  ++answered_;
  farewells_.say(std::move(fd), keys->make_verify_answer(*nonce));
}

void VerifyResponder::begin_check(net::Fd fd, const SocketAddress& peer, Bytes already_read) {
  if (!context_ || !admit(peer.ip)) {
    farewells_.say(std::move(fd), wire::tls_alert(wire::kInternalError));
    return refuse(peer, Reason::verify_busy, "");
  }
  auto engine = tls::TlsEngine::server(*context_);
  if (!engine) return refuse(peer, engine.error().reason, engine.error().detail);
  const VerifyRules rules{rendezvous_id_, std::string(context_->credentials().trust_domain()), limits_.timeout};
  auto check = std::make_unique<VerifyHandshake>(poller_, std::move(fd), std::move(*engine), peer, keys_, rules, *this);
  VerifyHandshake& started = *check;
  started.number = ++last_number_;
  checks_[started.number] = std::move(check);
  started.start(already_read);
}

// One check per source at a time. Strangers share few places and a rate; who passed before has a place of its own.
bool VerifyResponder::admit(const IpAddress& source) {
  const auto known = [&](const IpAddress& ip) { return std::ranges::find(passed_, ip) != passed_.end(); };
  std::size_t strangers = 0;
  for (const auto& [number, check] : checks_) {
    if (check->peer().ip == source) return false;
    if (!known(check->peer().ip)) ++strangers;
  }
  return known(source) || (strangers < limits_.at_a_time && rate_.take(poller_.loop().now()));
}

void VerifyResponder::on_verify_ended(VerifyHandshake& handshake, Reason reason, const std::string& detail) {
  if (reason == Reason::completed) {
    ++answered_;
    std::erase(passed_, handshake.peer().ip);
    passed_.push_back(handshake.peer().ip);
    if (passed_.size() > limits_.known_sources) passed_.erase(passed_.begin());
  } else {
    refuse(handshake.peer(), reason, detail);
  }
  const auto at = checks_.find(handshake.number);
  poller_.loop().retire(std::move(at->second));
  checks_.erase(at);
}

void VerifyResponder::refuse(const SocketAddress& peer, Reason reason, const std::string& detail) {
  counters_.refused.add(reason);
  log(Level::debug, "verification refused",
      {{"peer", peer.to_string()}, {"reason", reason_code(reason)}, {"detail", detail}});
}

void VerifyResponder::close_all() {
  checks_.clear();
}

}  // namespace fairlead::agent
