#pragma once
// Answers a rendezvous that asks whether this is the agent of a session (wire/verify.h): in clear for the liveness
// dial, or inside mutual TLS with ALPN fairlead-verify/1 for the full check. Who cannot ask properly gets no answer: a
// scanner learns nothing. Handshakes are expensive on small devices, so they are few at a time and rate limited.
// One loop; owned by DirectListener.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/direct/verify_handshake.h"
#include "agent/resource/counters.h"
#include "common/core/token_bucket.h"
#include "common/net/farewell.h"
#include "common/tls/tls_context.h"

namespace fairlead::agent {

struct VerifyLimits {
  std::size_t at_a_time = 4;
  double burst = 8;
  double per_second = 2;
  Duration timeout = 6s;           // from the ClientHello to our answer
  std::size_t known_sources = 16;  // addresses that passed a check: strangers cannot take their places
};

class VerifyResponder final : public VerifyHandshakeOwner {
 public:
  VerifyResponder(net::Poller& poller, net::Farewells& farewells, Counters& counters, KeyFinder& keys,
                  std::string rendezvous_id, VerifyLimits limits);
  ~VerifyResponder() override;

  void replace_credentials(std::shared_ptr<const tls::Credentials> credentials, tls::WallClock clock);

  // Whether a ClientHello that ends here asks for a full check.
  static bool asks_for_check(const std::vector<std::string>& alpn);
  // Counted as refused unless they end well: verify_forged, verify_malformed, verify_busy, or a handshake's reason.
  void answer(net::Fd fd, const SocketAddress& peer, const wire::Signed<wire::VerifyRequest>& request);
  void begin_check(net::Fd fd, const SocketAddress& peer, Bytes already_read);
  std::uint64_t answered() const { return answered_; }
  std::size_t checks() const { return checks_.size(); }
  void close_all();

 private:
  void on_verify_ended(VerifyHandshake& handshake, Reason reason, const std::string& detail) override;
  bool admit(const IpAddress& source);
  void refuse(const SocketAddress& peer, Reason reason, const std::string& detail);

  net::Poller& poller_;
  net::Farewells& farewells_;
  Counters& counters_;
  KeyFinder& keys_;
  const std::string rendezvous_id_;
  const VerifyLimits limits_;
  core::TokenBucket rate_;
  std::optional<tls::TlsServerContext> context_;  // none until credentials came
  std::vector<IpAddress> passed_;                 // the latest last
  std::uint64_t answered_ = 0;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, std::unique_ptr<VerifyHandshake>> checks_;
};

}  // namespace fairlead::agent
