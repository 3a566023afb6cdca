#pragma once
// One dial-back to an address that an agent offered: TCP, for a full check mutual TLS (ALPN fairlead-verify/1, no SNI,
// the agent's very SPIFFE id), then a nonce that only the holder of the session's key can answer (wire/verify.h). It
// tells nothing but reached or not, and "not" at a time that says nothing either (verdict_time.h): how a stranger's
// address answers is nobody's business. On its control thread; the EndpointVerifier owns it and retires it when told.
//
//   dialing --answered--> told (reached)
//      | refused, silent, wrong
//      v
//   failed --failure_told_at--> told (not reached)
#include <functional>
#include <memory>

#include "common/base/gauge.h"
#include "common/core/channel_keys.h"
#include "common/net/connector.h"
#include "common/net/tls_stream.h"
#include "rendezvous/verify/verdict_time.h"

namespace fairlead::rendezvous {

struct DialBackTarget {
  SocketAddress address;
  std::optional<IpAddress> source;
  std::string spiffe_id;
  wire::Nonce nonce{};
  GaugeToken place;  // among all dials; given back with the connection, however late the end is told
};

class DialBack final : public net::PollTarget, public net::TlsStreamOwner {
 public:
  using OnDone = std::function<void(bool reached)>;  // exactly once, never from start()

  DialBack(net::Poller& poller, tls::TlsClientContext& context, VerifyDial kind, DialBackTarget target,
           const core::ChannelKeys& keys, Rng& rng, OnDone on_done);
  void start();

 private:
  void on_ready(net::Readiness ready) override;
  void on_tls_progress(net::TlsStream& stream) override;
  void dial(std::optional<IpAddress> source);
  void on_connected(Result<net::Connection> connection);
  void ask_in_clear(net::PolledFd fd);
  void read_plain();
  void examine();
  void on_timer();
  void fail();
  void tell(bool reached);

  net::Poller& poller_;
  tls::TlsClientContext& context_;
  const VerifyDial kind_;
  DialBackTarget target_;
  const core::ChannelKeys& keys_;
  Rng& rng_;
  OnDone on_done_;
  std::unique_ptr<net::Connector> dial_;
  net::PolledFd fd_;  // of a check in clear
  std::unique_ptr<net::TlsStream> stream_;
  std::optional<TimePoint> tell_failure_at_;  // set once it has failed
  TimePoint began_;
  bool asked_ = false;
  Bytes answer_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::rendezvous
