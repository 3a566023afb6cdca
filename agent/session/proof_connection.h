#pragma once
// Proves to a rendezvous that another address is ours, too: a short mutual-TLS connection from that very address that
// carries the nonce of the session. Whether it helped, the session tells. One loop; owned by the
// RendezvousLink, which retires it when told.
#include <functional>

#include "agent/resource/memory_budget.h"
#include "common/net/connector.h"
#include "common/net/tls_stream.h"
#include "common/wire/control_message.h"

namespace fairlead::agent {

inline constexpr Duration kProofTime = 8s;

class ProofConnection final : public net::TlsStreamOwner {
 public:
  using OnDone = std::function<void(ProofConnection&)>;  // exactly once, never from start()

  ProofConnection(net::Poller& poller, tls::TlsClientContext& context, tls::ServerExpectation expected,
                  const wire::VerifyNonce& nonce, OnDone on_done);
  // `share`: what it may hold; to be given back when it is done or dropped.
  void start(const SocketAddress& server, const IpAddress& from, const RelayShare& share);
  const RelayShare& share() const { return share_; }

 private:
  void on_connected(Result<net::Connection> connection);
  void on_tls_progress(net::TlsStream& stream) override;
  void finish();

  net::Poller& poller_;
  tls::TlsClientContext& context_;
  tls::ServerExpectation expected_;
  const wire::VerifyNonce nonce_;
  OnDone on_done_;
  RelayShare share_;
  std::unique_ptr<net::Connector> dial_;
  std::unique_ptr<net::TlsStream> stream_;
  bool said_ = false;
  core::TimerEntry timer_;
};

}  // namespace fairlead::agent
