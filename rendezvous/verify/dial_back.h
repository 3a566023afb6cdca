#pragma once
// One dial-back to an address that an agent offered: TCP, for a full check mutual TLS (ALPN fairlead-verify/1, no SNI,
// the agent's very SPIFFE id), then a nonce that only the holder of the session's key can answer (wire/verify.h). It
// tells nothing but reached or not: how a stranger's address answers is nobody's business. On its control thread; the
// EndpointVerifier owns it and retires it when told.
#include <functional>
#include <memory>

#include "common/core/channel_keys.h"
#include "common/net/tls_stream.h"
#include "rendezvous/verify/candidate.h"

namespace fairlead::rendezvous {

inline constexpr Duration kLivenessTimeout = 2s;   // one lost SYN is survived
inline constexpr Duration kFullCheckTimeout = 6s;  // small devices take a second for a handshake

struct DialBackTarget {
  SocketAddress address;
  std::optional<IpAddress> source;
  std::string spiffe_id;
  wire::Nonce nonce{};
};

class DialBack final : public net::PollTarget, public net::TlsStreamOwner {
 public:
  using OnDone = std::function<void(bool reached)>;  // exactly once, never from start()

  DialBack(net::Poller& poller, tls::TlsClientContext& context, VerifyDial kind, DialBackTarget target,
           const core::ChannelKeys& keys, OnDone on_done);
  void start();

 private:
  void on_ready(net::Readiness ready) override;
  void on_tls_progress(net::TlsStream& stream) override;
  void on_connected();
  void read_plain();
  void examine();
  void finish(bool reached);

  net::Poller& poller_;
  tls::TlsClientContext& context_;
  const VerifyDial kind_;
  const DialBackTarget target_;
  const core::ChannelKeys& keys_;
  OnDone on_done_;
  net::PolledFd fd_;
  std::unique_ptr<net::TlsStream> stream_;
  bool connected_ = false;
  bool asked_ = false;
  Bytes answer_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::rendezvous
