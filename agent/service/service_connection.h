#pragma once
// The tail of every mesh connection at the agent, whichever way its caller came (a data channel, the direct listener):
// the service's target is dialled, hears who calls, and is relayed until the end.
//
//   reaching --the target is connected--> relaying --> ended         (relaying: a Relay, or where TLS ends here a
//      |                                                              TerminatedConnection, its handshake included)
//      | the target cannot be had or leads back to us, the caller left, closed
//      +--> ended; a caller who is still there is given back for last words
//
// What the caller sends while the target is dialled stays in the kernel. One loop; owned by the opening in front of it,
// which is told the end as this object's last act.
#include <memory>
#include <optional>
#include <string>

#include "agent/resource/memory_budget.h"
#include "agent/resource/service_tools.h"
#include "agent/service/service_preamble.h"
#include "agent/service/target_dial.h"
#include "agent/service/terminated_connection.h"
#include "common/net/relay.h"

namespace fairlead::agent {

struct ServiceEnd {
  net::RelayOutcome outcome;
  std::string detail;
  std::string caller;    // its SPIFFE id, where TLS ended here and it was let in
  net::PolledFd client;  // valid when no byte was relayed and the caller is still there: it may be told why
};

class ServiceConnectionOwner {
 public:
  virtual ~ServiceConnectionOwner() = default;
  // The target is connected: what the caller's side is told ahead of the service's own words.
  virtual Bytes on_service_reached() { return {}; }
  // Exactly once, the last thing that a ServiceConnection does; never from its constructor or start().
  virtual void on_service_ended(ServiceEnd end) = 0;
};

struct ServiceCall {
  net::PolledFd client;
  Bytes bytes;  // the client's own that were read already: the ClientHello and what came with it
  Caller caller;
};

struct ServiceTerms {
  Duration reach_within{};
  Duration handshake_within{};  // where TLS ends here
  net::RelayLimits relay;
  RelayShare share;  // its holder gives it back
};

class ServiceConnection final : public net::PollTarget, public net::RelayOwner, public TerminatedOwner {
 public:
  ServiceConnection(ServiceTools tools, ServiceConnectionOwner& owner, ServiceCall call, const ServiceConfig& service,
                    const ServiceTerms& terms);

  void start();
  bool reached() const { return relay_ || terminated_; }  // the target was, whatever came of it
  void close(Reason reason);                              // on_service_ended comes before it returns
  // The NAT on the caller's way may have forgotten a live relay: what goes out teaches it anew.
  void keep_alive(Duration idle);

 private:
  enum class State { reaching, relaying, ended };

  void enter(State next);
  void on_ready(net::Readiness ready) override;
  void on_relay_ended(net::Relay& relay, const net::RelayOutcome& outcome) override;
  void on_terminated_ended(TerminatedEnd end) override;
  void on_target(Result<net::Connection> target);
  void relay(net::PolledFd target);
  void terminate(net::PolledFd target);
  bool comes_from_us() const;
  void end_unreached(Reason reason, std::string detail);
  void judge_relayed(const net::RelayOutcome& outcome);
  void judge(const std::optional<Error>& fault, bool served, std::uint64_t service_bytes);

  const ServiceTools tools_;
  ServiceConnectionOwner& owner_;
  State state_ = State::reaching;
  ServiceCall call_;  // without what the relay has
  const std::string service_;
  const Tls tls_;
  const ProxyProtocol proxy_protocol_;
  const Protocol protocol_;
  const ServiceTerms terms_;
  const TimePoint started_;
  SocketAddress target_;            // relaying: which of its addresses; port 0: a unix socket
  std::uint64_t ahead_ = 0;         // relaying: bytes for the service that are not the client's answer to it
  LoopGuard::Place place_;          // of the connection to the target
  std::optional<TargetDial> dial_;  // while reaching
  std::optional<net::Relay> relay_;
  std::unique_ptr<TerminatedConnection> terminated_;
};

}  // namespace fairlead::agent
