#pragma once
// A mesh connection whose TLS ends here: the handshake with the caller, who is judged within it, then plain bytes
// between it and the service's target, which hears nothing before; of protocol "http", through an HttpStream.
//
//   shaking --the caller is let in--> relaying --> ended
//      | refused, too slow, it left, closed
//      +--> ended; whoever was refused hears the alert
//
// One loop: that of the descriptors, the farewells and the engine. Owned by its ServiceConnection, which is told the
// end as this object's last act; needs nothing else of the agent, so that it may live on a loop of its own.
#include <memory>
#include <string>

#include "agent/service/http_stream.h"
#include "agent/service/service_preamble.h"
#include "common/net/relay.h"
#include "common/net/stream_relay.h"
#include "common/net/tls_byte_stream.h"

namespace fairlead::agent {

struct TerminatedEnd {
  net::RelayOutcome outcome;
  std::string detail;     // why it was refused
  std::string caller;     // its SPIFFE id, where it was let in
  bool relayed = false;   // the caller was let in
  bool answered = false;  // the target said something
};

class TerminatedOwner {
 public:
  virtual ~TerminatedOwner() = default;
  // Exactly once, the last thing that it does; never from its constructor or start().
  virtual void on_terminated_ended(TerminatedEnd end) = 0;
};

struct TerminatedCall {
  net::PolledFd client;
  net::PolledFd target;  // connected
  std::unique_ptr<tls::TlsEngine> engine;
  Bytes bytes;  // of the client, read already
  Caller caller;
  ProxyProtocol proxy_protocol = ProxyProtocol::off;
  Protocol protocol = Protocol::tcp;
  std::string own_id;  // the SPIFFE id that the caller sees
};

struct TerminatedTerms {
  Duration handshake_timeout{};
  net::RelayLimits relay;  // its rules for the first flight do not hold: the handshake was it
};

class TerminatedConnection final : public net::ByteStreamOwner, public net::StreamRelayOwner, public net::PollTarget {
 public:
  TerminatedConnection(net::RelayTools tools, TerminatedOwner& owner, TerminatedCall call,
                       const TerminatedTerms& terms);

  void start();
  void close(Reason reason);  // on_terminated_ended comes before it returns
  void keep_alive(Duration idle);
  std::uint64_t ahead() const { return ahead_; }  // bytes for the service that are not the caller's

 private:
  enum class State { shaking, relaying, ended };

  void enter(State next);
  void on_stream_progress(net::ByteStream& stream) override;
  void on_ready(net::Readiness /*ready*/) override {}  // of the target, which is not read yet
  void on_stream_relay_ended(net::StreamRelay& relay, const net::RelayOutcome& outcome) override;
  void let_in();
  std::unique_ptr<net::ByteStream> http_target(Bytes ahead);
  void end_shaking(Reason reason, std::string detail);
  void on_timer();

  const net::RelayTools tools_;
  TerminatedOwner& owner_;
  const TerminatedTerms terms_;
  State state_ = State::shaking;
  TerminatedCall call_;  // shaking: without client and engine
  const TimePoint started_;
  std::uint64_t ahead_ = 0;
  const HttpStream* http_ = nullptr;            // of `relay_`; null: not http
  net::TlsByteStream* client_ = nullptr;        // of `stream_`, then of `relay_`
  std::unique_ptr<net::TlsByteStream> stream_;  // while shaking, and after a refusal
  std::unique_ptr<net::StreamRelay> relay_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::agent
